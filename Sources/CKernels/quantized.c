#include "activate.h"

#include <math.h>
#include <string.h>

static float finished(const ck_q8_finish *finish, int32_t sum, int32_t channel) {
  return activate(finish->activation, fmaf((float)sum, finish->scale[channel], finish->bias[channel])) * finish->factor;
}

static uint8_t byte(float v) { return (uint8_t)lrintf(v < 0 ? 0 : v > 255 ? 255 : v); }

enum { scalar_block = 16, depthwise_block = 16 };

static void convolve_scalar(
    const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch) {
  (void)scratch;
  for (int32_t y = first; y < last; y++)
    for (int32_t x = 0; x < layer->width; x++) {
      const uint8_t *pixel = in.base + (y * in.row + x * in.pixel) * layer->stride;
      const int8_t *weights = layer->weights;
      for (int32_t c = 0; c < layer->channels; c += scalar_block) {
        int32_t sum[scalar_block] = {0};
        for (int32_t t = 0; t < layer->taps; t++)
          for (int32_t k = 0; k < layer->depth; k += 4, weights += 4 * scalar_block)
            for (int32_t i = 0; i < scalar_block; i++)
              for (int32_t j = 0; j < 4; j++) sum[i] += pixel[layer->tap_offset[t] + k + j] * weights[4 * i + j];
        for (int32_t i = 0; i < scalar_block; i++) {
          float v = finished(&layer->finish, sum[i], c + i);
          if (layer->floats.base) {
            layer->floats.base[y * layer->floats.row + x * layer->floats.pixel + c + i] = v;
            continue;
          }
          if (layer->residual.base)
            v += ((float)layer->residual.base[y * layer->residual.row + x * layer->residual.pixel + c + i] -
                  layer->residual_zero) * layer->residual_factor[c + i];
          layer->out.base[y * layer->out.row + x * layer->out.pixel + c + i] = byte(v + layer->finish.zero);
        }
      }
    }
}

static void depthwise_scalar(const ck_q8_convolution *layer, int32_t y, uint8_t *out) {
  const ck_q8_depthwise *part = &layer->depthwise;
  for (int32_t x = 0; x < layer->width; x++)
    for (int32_t c = 0; c < part->channels; c++) {
      // Of the packed rows of four places, those for the first of two outputs.
      const int8_t *weights = (const int8_t *)part->weights + (ptrdiff_t)(c / depthwise_block) * 2 * 3 * 4 * depthwise_block;
      int32_t sum = 0;
      for (int32_t ky = 0; ky < 3; ky++)
        for (int32_t kx = 0; kx < 3; kx++) {
          ptrdiff_t row = y * part->stride + (ky - 1) * part->dilation;
          ptrdiff_t column = x * part->stride + (kx - 1) * part->dilation;
          sum += layer->in.base[row * layer->in.row + column * layer->in.pixel + c] *
                 weights[(ky * depthwise_block + c % depthwise_block) * 4 + kx];
        }
      const float v = finished(&part->finish, sum, c) + part->finish.zero;
      out[(ptrdiff_t)x * part->channels + c] = byte(v < part->most ? v : part->most);
    }
}

static void quantize_scalar(const float *in, int32_t channels, const float *factor, float zero, uint8_t *out) {
  for (int32_t c = 0; c < channels; c++) out[c] = byte(fmaf(in[c], factor[c], zero));
}

static const ck_q8_kernels scalar = {
  .name = "scalar", .block = scalar_block, .depthwise_block = depthwise_block, .group = 4, .convolve = convolve_scalar,
  .depthwise = depthwise_scalar, .quantize = quantize_scalar,
};

#if defined(__x86_64__)
extern const ck_q8_kernels ck_q8_kernels_avx2, ck_q8_kernels_avxvnni, ck_q8_kernels_avx512vnni, ck_q8_kernels_amx;
#elif defined(__aarch64__)
extern const ck_q8_kernels ck_q8_kernels_neon, ck_q8_kernels_neondot;
#endif

const ck_q8_kernels *ck_q8_kernels_for(ck_level level) {
#if defined(__x86_64__)
  if (level > ck_level_detected()) level = ck_level_detected();
  if (level == ck_level_avx512 && ck_has_amx_int8()) return &ck_q8_kernels_amx;
  if (level == ck_level_avx512 && ck_has_avx512_vnni()) return &ck_q8_kernels_avx512vnni;
  if (level >= ck_level_avx2) return ck_has_avx_vnni() ? &ck_q8_kernels_avxvnni : &ck_q8_kernels_avx2;
#elif defined(__aarch64__)
  if (level == ck_level_neon) return ck_has_neon_dot() ? &ck_q8_kernels_neondot : &ck_q8_kernels_neon;
#endif
  return &scalar;
}

const ck_q8_kernels *ck_q8_version(int32_t index) {
  const ck_q8_kernels *versions[6] = {&scalar};
  int32_t count = 1;
#if defined(__x86_64__)
  ck_level level = ck_level_detected();
  if (level >= ck_level_avx2) versions[count++] = &ck_q8_kernels_avx2;
  if (level >= ck_level_avx2 && ck_has_avx_vnni()) versions[count++] = &ck_q8_kernels_avxvnni;
  if (level >= ck_level_avx512 && ck_has_avx512_vnni()) versions[count++] = &ck_q8_kernels_avx512vnni;
  if (level >= ck_level_avx512 && ck_has_amx_int8()) versions[count++] = &ck_q8_kernels_amx;
#elif defined(__aarch64__)
  versions[count++] = &ck_q8_kernels_neon;
  if (ck_has_neon_dot()) versions[count++] = &ck_q8_kernels_neondot;
#endif
  return index >= 0 && index < count ? versions[index] : NULL;
}

bool ck_q8_kernels_are_right(const ck_q8_kernels *kernels) {
  // Three tiles of pixels and three of channels, which AMX takes two and one at a time, and a rest of the depth.
  enum { width = 33, depth = 72, channels = 48 };
  uint8_t in[width * depth];
  int16_t words[depth * channels];
  int8_t *bytes = (int8_t *)words;
  uint16_t scratch[width * depth + 32];
  float out[width * channels] = {0}, scale[channels], bias[channels] = {0};
  for (int32_t i = 0; i < width * depth; i++) in[i] = (uint8_t)(i * i % 251);
  for (int32_t c = 0; c < channels; c++) {
    const int32_t first = c / kernels->block * kernels->block;
    const int32_t block = channels - first < kernels->block ? channels - first : kernels->block;
    scale[c] = 1;
    for (int32_t k = 0; k < depth; k++) {
      const int32_t group = kernels->group, place = first * depth + (k / group * block + c - first) * group + k % group;
      const int32_t weight = (3 * c + k) * (3 * c + k) % 253 - 126;
      if (group == 2) words[place] = (int16_t)weight;
      else bytes[place] = (int8_t)weight;
    }
  }
  const ck_q8_convolution layer = {
    .in = {in, width * depth, depth}, .floats = {out, width * channels, channels}, .height = 1, .width = width, .stride = 1,
    .taps = 1, .depth = depth, .channels = channels, .weights = words,
    .finish = {.scale = scale, .bias = bias, .activation = ck_activation_none, .factor = 1},
  };
  kernels->convolve(&layer, layer.in, 0, 1, scratch);
  for (int32_t x = 0; x < width; x++)
    for (int32_t c = 0; c < channels; c++) {
      int32_t sum = 0;
      for (int32_t k = 0; k < depth; k++) sum += in[x * depth + k] * ((3 * c + k) * (3 * c + k) % 253 - 126);
      if (out[x * channels + c] != (float)sum) return false;
    }
  return true;
}

// MARK: one layer on all threads

typedef struct {
  const ck_q8_kernels *kernels;
  const ck_q8_convolution *layer;
  int32_t tasks;
} job;

// A picture of bytes, its margin and what stands for 0.
typedef struct {
  ck_bytes bytes;
  int32_t height, width, channels, margin;
  int zero;
} framed;

static void fill(const framed *out, ptrdiff_t y, ptrdiff_t x, int32_t pixels) {
  uint8_t *target = out->bytes.base + y * out->bytes.row + x * out->bytes.pixel;
  for (int32_t i = 0; i < pixels; i++, target += out->bytes.pixel) memset(target, out->zero, (size_t)out->channels);
}

// As for floats, but a margin of 0 is made of the byte that stands for 0.
static void fill_margin(const framed *out, int32_t first, int32_t last) {
  int32_t margin = out->margin, width = out->width, height = out->height;
  if (!margin || !out->bytes.base) return;
  for (int32_t y = first; y < last; y++) {
    fill(out, y, -margin, margin);
    fill(out, y, width, margin);
  }
  for (int32_t i = 1; i <= margin; i++) {
    if (first == 0) fill(out, -i, -margin, width + 2 * margin);
    if (last == height) fill(out, height - 1 + i, -margin, width + 2 * margin);
  }
}

static ptrdiff_t whole_lines(ptrdiff_t bytes) { return (bytes + 63) / 64 * 64; }

// What a layer with a depthwise part reads the rest from.
static ck_bytes depthwise_rows(const ck_q8_convolution *layer) {
  const ptrdiff_t pixel = layer->depthwise.channels;
  return (ck_bytes){NULL, pixel * layer->width, pixel};
}

static bool by_7_bits(const ck_q8_kernels *kernels, const ck_q8_convolution *layer) {
  return kernels->convolve_7_bits && layer->depthwise.weights && layer->depthwise.most <= ck_q8_most_of_7_bits;
}

ptrdiff_t ck_q8_scratch(const ck_q8_kernels *kernels, const ck_q8_convolution *layer, ck_bytes in, int32_t rows) {
  if (layer->winograd)
    return ck_q8_winograd_scratch(rows * ck_winograd_tiles(layer->width, layer->winograd), layer->depth, kernels->block);
  ptrdiff_t size = 0;
  if (layer->depthwise.weights) {
    in = depthwise_rows(layer);
    size += whole_lines(rows * in.row);
  }
  return kernels->group == 2 && !by_7_bits(kernels, layer) ? size + 2 * whole_lines(ck_q8_span(layer, in, rows)) : size;
}

static void convolve_tiles(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_q8_convolution *layer = job->layer;
  int32_t rows = ck_winograd_tiles(layer->height, layer->winograd);
  int32_t first = index * layer->rows_per_task;
  int32_t last = first + layer->rows_per_task < rows ? first + layer->rows_per_task : rows;
  ck_q8_winograd_rows(job->kernels, layer, first, last, layer->scratch + thread * layer->scratch_size);
  // Rows of a dilated kernel's tiles lie apart; each task fills the margin of an equal part.
  framed out = {layer->out, layer->height, layer->width, layer->channels, layer->margin, (int)layer->finish.zero};
  fill_margin(&out, layer->height * index / job->tasks, layer->height * (index + 1) / job->tasks);
}

static void convolve_rows(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_q8_convolution *layer = job->layer;
  int32_t first = index * layer->rows_per_task;
  int32_t last = first + layer->rows_per_task < layer->height ? first + layer->rows_per_task : layer->height;
  ck_bytes in = layer->in;
  uint8_t *scratch = layer->scratch + thread * layer->scratch_size;
  if (layer->depthwise.weights) {
    in = depthwise_rows(layer);
    for (int32_t y = first; y < last; y++) job->kernels->depthwise(layer, y, scratch + (y - first) * in.row);
    in.base = scratch - first * in.row;
    scratch += whole_lines((last - first) * in.row);
  }
  if (by_7_bits(job->kernels, layer)) job->kernels->convolve_7_bits(layer, in, first, last);
  else job->kernels->convolve(layer, in, first, last, scratch);
  framed out = {layer->out, layer->height, layer->width, layer->channels, layer->margin, (int)layer->finish.zero};
  fill_margin(&out, first, last);
}

void ck_q8_convolve(const ck_q8_kernels *kernels, ck_pool *pool, const ck_q8_convolution *layer) {
  int32_t rows = layer->winograd ? ck_winograd_tiles(layer->height, layer->winograd) : layer->height;
  job job = {kernels, layer, (rows + layer->rows_per_task - 1) / layer->rows_per_task};
  ck_pool_run(pool, layer->winograd ? convolve_tiles : convolve_rows, &job, job.tasks);
}

// MARK: pictures

typedef struct {
  const ck_q8_kernels *kernels;
  const ck_q8_quantization *picture;
  int32_t tasks;
} quantization_job;

static void quantize_rows(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const quantization_job *job = context;
  const ck_q8_quantization *picture = job->picture;
  ck_view in = picture->in;
  ck_bytes out = picture->out;
  int32_t first = picture->height * index / job->tasks, last = picture->height * (index + 1) / job->tasks;
  for (int32_t y = first; y < last; y++)
    for (int32_t x = 0; x < picture->width; x++)
      job->kernels->quantize(
          in.base + y * in.row + x * in.pixel, picture->channels, picture->factor, picture->zero,
          out.base + y * out.row + x * out.pixel);
  framed framed = {out, picture->height, picture->width, picture->channels, picture->margin, (int)picture->zero};
  fill_margin(&framed, first, last);
}

void ck_q8_quantize(const ck_q8_kernels *kernels, ck_pool *pool, const ck_q8_quantization *picture) {
  int32_t threads = ck_pool_threads(pool);
  quantization_job job = {kernels, picture, threads < picture->height ? threads : picture->height};
  ck_pool_run(pool, quantize_rows, &job, job.tasks);
}

void ck_q8_pixels(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_bytes out) {
  for (int32_t y = 0; y < height; y++) {
    const uint8_t *from = bytes + y * bytes_per_row;
    uint8_t *to = out.base + y * out.row;
    for (int32_t x = 0; x < width; x++, from += 3, to += 4) {
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
      to[3] = 0;
    }
  }
}
