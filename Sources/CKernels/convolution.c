#include "CKernels.h"

#include <math.h>
#include <string.h>

static float activate(ck_activation activation, float x) {
  switch (activation) {
  case ck_activation_none: return x;
  case ck_activation_relu: return x > 0 ? x : 0;
  case ck_activation_elu: return x > 0 ? x : expm1f(x);
  }
}

enum { scalar_block = 16 };

// The reference: every output pixel, every block of channels, the sum over all places and their depth.
static void convolve_scalar(const ck_convolution *layer, ck_view in, int32_t first, int32_t last) {
  for (int32_t y = first; y < last; y++)
    for (int32_t x = 0; x < layer->width; x++) {
      const float *pixel = in.base + (y * in.row + x * in.pixel) * layer->stride;
      float *out = layer->out.base + y * layer->out.row + x * layer->out.pixel;
      const float *weights = layer->weights;
      for (int32_t c = 0; c < layer->channels; c += scalar_block) {
        float sum[scalar_block];
        memcpy(sum, layer->bias + c, sizeof sum);
        for (int32_t t = 0; t < layer->taps; t++)
          for (int32_t k = 0; k < layer->depth; k++, weights += scalar_block)
            for (int32_t i = 0; i < scalar_block; i++) sum[i] += pixel[layer->tap_offset[t] + k] * weights[i];
        for (int32_t i = 0; i < scalar_block; i++) {
          float value = activate(layer->activation, sum[i]);
          if (layer->residual.base)
            value += layer->residual.base[y * layer->residual.row + x * layer->residual.pixel + c + i];
          out[c + i] = value;
        }
      }
    }
}

static void depthwise_scalar(const ck_convolution *layer, int32_t y, float *out) {
  const ck_depthwise *part = &layer->depthwise;
  for (int32_t x = 0; x < layer->width; x++)
    for (int32_t c = 0; c < part->channels; c++) {
      float sum = part->bias[c];
      for (int32_t ky = 0; ky < 3; ky++)
        for (int32_t kx = 0; kx < 3; kx++) {
          ptrdiff_t row = y * part->stride + (ky - 1) * part->dilation;
          ptrdiff_t column = x * part->stride + (kx - 1) * part->dilation;
          sum += layer->in.base[row * layer->in.row + column * layer->in.pixel + c] *
                 part->weights[(ky * 3 + kx) * part->channels + c];
        }
      out[(ptrdiff_t)x * part->channels + c] = activate(part->activation, sum);
    }
}

static const ck_kernels scalar = {scalar_block, convolve_scalar, depthwise_scalar, NULL, NULL};

#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2, ck_kernels_avx512;
#endif

const ck_kernels *ck_kernels_for(ck_level level) {
  switch (level) {
#if defined(__x86_64__)
  case ck_level_avx512: return &ck_kernels_avx512;
  case ck_level_avx2: return &ck_kernels_avx2;
#endif
  default: return &scalar;
  }
}

// MARK: one layer on all threads

typedef struct {
  const ck_kernels *kernels;
  const ck_convolution *layer;
  int32_t tasks;
} job;

static void clear(ck_view out, ptrdiff_t y, ptrdiff_t x, int32_t pixels, int32_t channels) {
  float *target = out.base + y * out.row + x * out.pixel;
  for (int32_t i = 0; i < pixels; i++, target += out.pixel) memset(target, 0, sizeof(float) * (size_t)channels);
}

// The frame of zeros belongs to the rows beside it, so that every task writes only its own memory.
static void clear_margin(const ck_convolution *layer, int32_t first, int32_t last) {
  int32_t margin = layer->margin, width = layer->width, height = layer->height;
  if (!margin) return;
  for (int32_t y = first; y < last; y++) {
    clear(layer->out, y, -margin, margin, layer->channels);
    clear(layer->out, y, width, margin, layer->channels);
  }
  for (int32_t i = 1; i <= margin; i++) {
    if (first == 0) clear(layer->out, -i, -margin, width + 2 * margin, layer->channels);
    if (last == height) clear(layer->out, height - 1 + i, -margin, width + 2 * margin, layer->channels);
  }
}

static void convolve_rows(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_convolution *layer = job->layer;
  int32_t first = index * layer->rows_per_task;
  int32_t last = first + layer->rows_per_task < layer->height ? first + layer->rows_per_task : layer->height;
  ck_view in = layer->in;
  if (layer->depthwise.weights) {
    // The depthwise rows of this task stay in the cache; the pointwise part reads them from there.
    in.pixel = layer->depthwise.channels;
    in.row = in.pixel * layer->width;
    float *rows = layer->scratch + thread * layer->scratch_size;
    for (int32_t y = first; y < last; y++) job->kernels->depthwise(layer, y, rows + (y - first) * in.row);
    in.base = rows - first * in.row;
  }
  job->kernels->convolve(layer, in, first, last);
  clear_margin(layer, first, last);
}

static void convolve_tiles(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_convolution *layer = job->layer;
  int32_t rows = ck_winograd_tiles(layer->height, layer->winograd);
  int32_t first = index * layer->rows_per_task;
  int32_t last = first + layer->rows_per_task < rows ? first + layer->rows_per_task : rows;
  ck_winograd_rows(job->kernels, layer, first, last, layer->scratch + thread * layer->scratch_size);
  // Rows of a dilated kernel's tiles lie apart; each task clears the margin of an equal part.
  clear_margin(layer, layer->height * index / job->tasks, layer->height * (index + 1) / job->tasks);
}

void ck_convolve(const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer) {
  int32_t rows = layer->winograd ? ck_winograd_tiles(layer->height, layer->winograd) : layer->height;
  job job = {kernels, layer, (rows + layer->rows_per_task - 1) / layer->rows_per_task};
  ck_pool_run(pool, layer->winograd ? convolve_tiles : convolve_rows, &job, job.tasks);
}
