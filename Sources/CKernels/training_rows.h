// One level's versions of what training does to rows of pixels; called by training*.c, which split batches over threads.
#pragma once
#include "include/CKernels.h"

enum { ck_most_window = 9 };


// A rectangle of pixels of one picture, read or written side by side with others of its size.
typedef struct {
  float *base;
  ptrdiff_t row;
  ptrdiff_t pixel;
} ck_rows;

struct ck_training {
  // One row: out[x][c] = activation(sum over the window's 9 places).
  void (*depthwise)(
      int32_t width, int32_t channels, int32_t stride, const float *const rows[3], ptrdiff_t pixel, ptrdiff_t side,
      const float *weights, ck_activation activation, float *out);
  // Every `step`-th pixel of a row: the sum over `taps` places, whose weights begin at `weights[t]`.
  void (*gather)(
      int32_t pixels, int32_t channels, int32_t taps, const float *const places[9], ptrdiff_t place_step,
      const float *const weights[9], bool adds, float *out, ptrdiff_t out_step);
  // One row: sums[9][channels] += in around each pixel * gradient.
  void (*depthwise_weights)(
      int32_t width, int32_t channels, const float *const rows[3], ptrdiff_t pixel, ptrdiff_t side,
      const float *gradient, ptrdiff_t gradient_pixel, float *sums);
  // sums[i][0 ..< outputs] += in[i] * gradient over the rectangle; sums' rows are `step` apart.
  void (*outer)(
      int32_t height, int32_t width, ck_rows in, int32_t inputs, ck_rows gradient, int32_t outputs, float *sums,
      ptrdiff_t step);
  // Kernels [9][lanes] to 36 points of Winograd's transform, `step` apart; `lanes` is a multiple of 16, at most 32.
  void (*winograd_kernels)(const float kernels[9][32], int32_t lanes, float *points, ptrdiff_t step);
  // The output's gradient in the tile whose first pixel is `tile` to 36 points, `step` apart; `rows` and `columns` of the
  // tile's 4 x 4 pixels are inside the picture.
  void (*winograd_gradient)(
      const float *tile, ptrdiff_t row, ptrdiff_t pixel, int32_t rows, int32_t columns, int32_t channels, float *points,
      ptrdiff_t step);
  // 36 points of the gradient of a kernel, `step` apart, to its 9 places, `place` apart.
  void (*winograd_kernel_gradient)(int32_t channels, const float *points, ptrdiff_t step, float *kernel, ptrdiff_t place);
  // One row's mean and sum of squared differences from it.
  void (*moments)(int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, float *mean, float *square);
  void (*scale_shift)(
      int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, const float *scale, const float *shift,
      ck_activation activation, float *out, ptrdiff_t out_pixel);
  // sums[0][c] += g, sums[1][c] += g * (in - mean), g being the gradient where the activation lets it through.
  void (*norm_sums)(
      int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, const float *mean, const float *scale,
      const float *shift, ck_activation activation, const float *gradient, ptrdiff_t gradient_pixel, float *sums);
  // in = g * scale + in * slope + offset.
  void (*norm_backward)(
      int32_t width, int32_t channels, float *in, ptrdiff_t pixel, const float *scale, const float *shift,
      const float *slope, const float *offset, ck_activation activation, const float *gradient,
      ptrdiff_t gradient_pixel);
  void (*activation_backward)(
      int32_t width, int32_t channels, const float *out, ptrdiff_t pixel, ck_activation activation, float *gradient,
      ptrdiff_t gradient_pixel, float *sums);
  void (*add)(
      int32_t width, int32_t channels, const float *a, ptrdiff_t a_pixel, const float *b, ptrdiff_t b_pixel,
      ck_activation activation, float *out, ptrdiff_t out_pixel);
};
