// One level's versions of what training does to runs of pixels; called by training*.c, which split batches over threads.
#pragma once
#include "include/CKernels.h"

enum { ck_lanes = 16, ck_most_window = 9 };

// Consecutive pixels of a panel of 16 channels. Small enough for two registers, and
// always among the first arguments: on the stack it would wait for all that is on its way to memory.
typedef struct {
  void *base;
  int32_t pixel;
  bool is_bf16;
  bool is_streamed;
} ck_run;

static inline ck_run ck_run_at(ck_pictures p, int32_t picture, ptrdiff_t panel, ptrdiff_t y, ptrdiff_t x) {
  const ptrdiff_t place = picture * p.picture + panel * p.panel + y * p.row + x * p.pixel;
  return (ck_run){(char *)p.base + place * (p.is_bf16 ? 2 : 4), (int32_t)p.pixel, p.is_bf16, p.is_streamed};
}

// 16 floats per pixel, side by side.
static inline ck_run ck_side_by_side(const float *base) { return (ck_run){(void *)base, ck_lanes, false, false}; }

// What is done to a value of a panel on the way in: activation(value * scale + shift).
typedef struct {
  const float *scale;  // NULL if there is neither scale nor shift
  const float *shift;
  ck_activation activation;
} ck_normal;

// From the gradient of activation(value * scale + shift) to that of the value, through batch norm where there is a slope:
// g = gradient where the activation lets it through, then g * scale + value * slope + offset.
typedef struct {
  ck_normal normal;
  const float *slope;
  const float *offset;
} ck_slope;

// A rectangle of pixels side by side with others of its size; channel c is at c / 16 panels and c % 16 numbers.
typedef struct {
  const float *base;
  ptrdiff_t row;
  ptrdiff_t pixel;
  ptrdiff_t panel;
} ck_factor;

struct ck_training {
  // Columns of packed weights that one call of `product` takes.
  int32_t block;
  // out[m][0 ..< columns] = sum over k of in[k / 16][m][k % 16] * weights[k][columns], in panels of 16 columns. `columns` is
  // the block or 16.
  void (*product)(
      int32_t pixels, int32_t depth, const float *in, ptrdiff_t in_panel, const float *weights, int32_t columns, float *out,
      ptrdiff_t out_panel);
  // sums[i][0 ..< outputs] += in[i] * gradient over the rectangle; sums' rows are `step` apart, `outputs` a multiple of 16.
  void (*outer)(
      int32_t height, int32_t width, const ck_factor *in, int32_t inputs, const ck_factor *gradient, int32_t outputs,
      float *sums, ptrdiff_t step);
  void (*stage)(ck_run in, int32_t pixels, const ck_normal *normal, float *out, ptrdiff_t out_pixel);
  // `sums` grows by the sum of what comes out, unless it is NULL.
  void (*slope)(
      ck_run gradient, ck_run values, int32_t pixels, const ck_slope *slope, float *sums, float *out, ptrdiff_t out_pixel);
  // out = activation(in + bias), or what is there and that; `bias` may be NULL.
  void (*keep)(ck_run out, int32_t pixels, const float *in, const float *bias, ck_activation activation, bool adds);
  // Side by side to bfloat16, for `ck_bf16`: pixel by pixel, and in pairs of pixels, the last one with a zero. Each may be NULL.
  void (*narrow)(int32_t pixels, const float *in, uint16_t *out, uint16_t *pairs);
  // Adds to the moments of a part, [mean][sum of squared differences from it][pixels], which are `step` apart.
  void (*moments)(ck_run in, int32_t pixels, float *part, ptrdiff_t step);
  // sums[c] += g, sums[step + c] += g * (value - mean), g being the gradient where the activation lets it through.
  void (*norm_sums)(
      ck_run values, ck_run gradient, int32_t pixels, const float *mean, const ck_normal *normal, float *sums,
      ptrdiff_t step);
  // One row of a panel: the window's 9 places, `side` floats apart; weights [9][16].
  void (*depthwise)(
      int32_t width, int32_t stride, const float *const rows[3], ptrdiff_t side, const float *weights, float *out);
  // Every `stride`-th pixel of a row of a panel: the sum over `taps` places, whose weights are at `weights[t]`.
  void (*gather)(
      int32_t pixels, int32_t taps, const float *const places[9], const float *const weights[9], float *out, int32_t stride);
  // One row of a panel: sums[9][16] += in around each pixel * gradient.
  void (*depthwise_weights)(
      int32_t width, int32_t stride, const float *const rows[3], ptrdiff_t side, const float *gradient, float *sums);
  // Kernels [9][lanes] to 36 points of Winograd's transform, `step` apart; `lanes` is a multiple of 16, at most 32.
  void (*winograd_kernels)(const float kernels[9][32], int32_t lanes, float *points, ptrdiff_t step);
  // To floats.
  ck_gradient_points winograd_gradient;
  // 36 points of the gradient of a kernel, `step` apart, to its 9 places, `place` apart.
  void (*winograd_kernel_gradient)(int32_t channels, const float *points, ptrdiff_t step, float *kernel, ptrdiff_t place);
};
