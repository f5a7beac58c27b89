#include "activate.h"

#include <string.h>

enum { scalar_block = 16 };

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS float number(const float *numbers, ptrdiff_t index, bool is_bf16) {
  return is_bf16 ? ck_float_of(((const uint16_t *)(const void *)numbers)[index]) : numbers[index];
}

ALWAYS void set_number(void *numbers, ptrdiff_t index, float value, bool is_bf16) {
  if (is_bf16) ((uint16_t *)numbers)[index] = ck_bf16_of(value);
  else ((float *)numbers)[index] = value;
}

// The reference: every output pixel, every block of channels, the sum over all places and their depth.
ALWAYS void convolve_numbers(const ck_convolution *layer, ck_view in, int32_t first, int32_t last, bool is_bf16) {
  for (int32_t y = first; y < last; y++)
    for (int32_t x = 0; x < layer->width; x++) {
      const ptrdiff_t pixel = (y * in.row + x * in.pixel) * layer->stride;
      const ptrdiff_t out = y * layer->out.row + x * layer->out.pixel;
      ptrdiff_t row = 0;
      for (int32_t c = 0; c < layer->channels; c += scalar_block) {
        float sum[scalar_block];
        memcpy(sum, layer->bias + c, sizeof sum);
        for (int32_t t = 0; t < layer->taps; t++)
          for (int32_t k = 0; k < layer->depth; k++, row++)
            for (int32_t i = 0; i < scalar_block; i++) {
              const ptrdiff_t weight = is_bf16 ? (row / 2 * scalar_block + i) * 2 + row % 2 : row * scalar_block + i;
              sum[i] += number(in.base, pixel + layer->tap_offset[t] + k, is_bf16) * number(layer->weights, weight, is_bf16);
            }
        for (int32_t i = 0; i < scalar_block; i++) {
          float value = activate(layer->activation, sum[i]);
          if (layer->residual.base)
            value += number(
                layer->residual.base, y * layer->residual.row + x * layer->residual.pixel + c + i, is_bf16);
          set_number(layer->out.base, out + c + i, value, is_bf16 && !layer->gives_floats);
        }
      }
    }
}

ALWAYS void depthwise_numbers(const ck_convolution *layer, int32_t y, void *out, bool is_bf16) {
  const ck_depthwise *part = &layer->depthwise;
  for (int32_t x = 0; x < layer->width; x++)
    for (int32_t c = 0; c < part->channels; c++) {
      float sum = part->bias[c];
      for (int32_t ky = 0; ky < 3; ky++)
        for (int32_t kx = 0; kx < 3; kx++) {
          ptrdiff_t row = y * part->stride + (ky - 1) * part->dilation;
          ptrdiff_t column = x * part->stride + (kx - 1) * part->dilation;
          sum += number(layer->in.base, row * layer->in.row + column * layer->in.pixel + c, is_bf16) *
                 part->weights[(ky * 3 + kx) * part->channels + c];
        }
      set_number(out, (ptrdiff_t)x * part->channels + c, activate(part->activation, sum), is_bf16);
    }
}

static void convolve_scalar(const ck_convolution *layer, ck_view in, int32_t first, int32_t last) {
  convolve_numbers(layer, in, first, last, false);
}
static void convolve_bf16(const ck_convolution *layer, ck_view in, int32_t first, int32_t last) {
  convolve_numbers(layer, in, first, last, true);
}
static void depthwise_scalar(const ck_convolution *layer, int32_t y, void *out) { depthwise_numbers(layer, y, out, false); }
static void depthwise_bf16(const ck_convolution *layer, int32_t y, void *out) { depthwise_numbers(layer, y, out, true); }

static const ck_kernels scalar = {scalar_block, sizeof(float), convolve_scalar, depthwise_scalar, NULL, NULL, NULL};
static const ck_kernels scalar_bf16 = {scalar_block, sizeof(uint16_t), convolve_bf16, depthwise_bf16, NULL, NULL, NULL};

#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2, ck_kernels_avx512, ck_kernels_avx512bf16, ck_kernels_amx;
#elif defined(__aarch64__)
extern const ck_kernels ck_kernels_neon;
#endif

const ck_kernels *ck_kernels_for(ck_level level) {
  switch (level) {
#if defined(__x86_64__)
  case ck_level_avx512: return &ck_kernels_avx512;
  case ck_level_avx2: return &ck_kernels_avx2;
#elif defined(__aarch64__)
  case ck_level_neon: return &ck_kernels_neon;
#endif
  default: return &scalar;
  }
}

const ck_kernels *ck_bf16_kernels_for(ck_level level) {
  if (level == ck_level_scalar) return &scalar_bf16;
#if defined(__x86_64__)
  if (level == ck_level_avx512 && ck_has_amx_bf16()) return &ck_kernels_amx;
  if (level == ck_level_avx512 && ck_has_avx512_bf16()) return &ck_kernels_avx512bf16;
#endif
  return NULL;
}

const ck_kernels *ck_bf16_version(int32_t index) {
  if (index == 0) return &scalar_bf16;
#if defined(__x86_64__)
  if (index == 1 && ck_has_avx512_bf16()) return &ck_kernels_avx512bf16;
  if (index == 2 && ck_has_amx_bf16()) return &ck_kernels_amx;
#endif
  return NULL;
}

// Whole numbers from -3 to 3, which bfloat16 holds; their sums here are exact in any order.
static float check_number(int32_t index) { return (float)(index * index % 7 - 3); }

bool ck_bf16_kernels_are_right(const ck_kernels *kernels) {
  // Three tiles of pixels and three of channels, which AMX takes two and one at a time, and a rest of the depth.
  enum { width = 33, depth = 40, channels = 48 };
  uint16_t in[width * depth], weights[depth * channels];
  float out[width * channels] = {0}, bias[channels];
  for (int32_t i = 0; i < width * depth; i++) in[i] = ck_bf16_of(check_number(i));
  for (int32_t c = 0; c < channels; c++) {
    const int32_t first = c / kernels->block * kernels->block;
    const int32_t block = channels - first < kernels->block ? channels - first : kernels->block;
    bias[c] = check_number(c);
    for (int32_t k = 0; k < depth; k++)
      weights[first * depth + (k / 2 * block + c - first) * 2 + k % 2] = ck_bf16_of(check_number(3 * c + k));
  }
  const ck_convolution layer = {
    .in = {(float *)(void *)in, width * depth, depth}, .out = {out, width * channels, channels}, .height = 1,
    .width = width, .stride = 1, .channels = channels, .taps = 1, .depth = depth, .weights = (const float *)(const void *)weights,
    .bias = bias, .gives_floats = true,
  };
  kernels->convolve(&layer, layer.in, 0, 1);
  for (int32_t x = 0; x < width; x++)
    for (int32_t c = 0; c < channels; c++) {
      float sum = bias[c];
      for (int32_t k = 0; k < depth; k++) sum += check_number(x * depth + k) * check_number(3 * c + k);
      if (out[x * channels + c] != sum) return false;
    }
  return true;
}

// MARK: one layer on all threads

typedef struct {
  const ck_kernels *kernels;
  const ck_convolution *layer;
  int32_t tasks;
} job;

static void clear(const job *job, ptrdiff_t y, ptrdiff_t x, int32_t pixels) {
  const ck_view out = job->layer->out;
  const ptrdiff_t size = job->kernels->size;
  char *target = (char *)out.base + (y * out.row + x * out.pixel) * size;
  for (int32_t i = 0; i < pixels; i++, target += out.pixel * size) memset(target, 0, (size_t)(job->layer->channels * size));
}

// The frame of zeros belongs to the rows beside it, so that every task writes only its own memory.
static void clear_margin(const job *job, int32_t first, int32_t last) {
  const ck_convolution *layer = job->layer;
  int32_t margin = layer->margin, width = layer->width, height = layer->height;
  if (!margin) return;
  for (int32_t y = first; y < last; y++) {
    clear(job, y, -margin, margin);
    clear(job, y, width, margin);
  }
  for (int32_t i = 1; i <= margin; i++) {
    if (first == 0) clear(job, -i, -margin, width + 2 * margin);
    if (last == height) clear(job, height - 1 + i, -margin, width + 2 * margin);
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
    const ptrdiff_t row = in.row * job->kernels->size;
    char *rows = (char *)(layer->scratch + thread * layer->scratch_size);
    for (int32_t y = first; y < last; y++) job->kernels->depthwise(layer, y, rows + (y - first) * row);
    in.base = (float *)(void *)(rows - first * row);
  }
  job->kernels->convolve(layer, in, first, last);
  clear_margin(job, first, last);
}

static void convolve_tiles(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_convolution *layer = job->layer;
  int32_t rows = ck_winograd_tiles(layer->height, layer->winograd);
  int32_t first = index * layer->rows_per_task;
  int32_t last = first + layer->rows_per_task < rows ? first + layer->rows_per_task : rows;
  ck_winograd_rows(job->kernels, layer, first, last, layer->scratch + thread * layer->scratch_size);
  // Rows of a dilated kernel's tiles lie apart; each task clears the margin of an equal part.
  clear_margin(job, layer->height * index / job->tasks, layer->height * (index + 1) / job->tasks);
}

void ck_convolve(const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer) {
  int32_t rows = layer->winograd ? ck_winograd_tiles(layer->height, layer->winograd) : layer->height;
  job job = {kernels, layer, (rows + layer->rows_per_task - 1) / layer->rows_per_task};
  ck_pool_run(pool, layer->winograd ? convolve_tiles : convolve_rows, &job, job.tasks);
}
