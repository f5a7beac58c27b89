// Batches split over threads: a task is a band of rows of one picture. Sums over pixels are kept per band and added up in the
// order of the bands, so that they do not depend on the number of threads.
#include "training_rows.h"

#include <math.h>
#include <string.h>

enum { bands = 4 };

#if defined(__x86_64__)
extern const ck_training ck_training_avx2, ck_training_avx512;
#endif
extern const ck_training ck_training_scalar;

const ck_training *ck_training_for(ck_level level) {
  switch (level) {
#if defined(__x86_64__)
  case ck_level_avx512: return &ck_training_avx512;
  case ck_level_avx2: return &ck_training_avx2;
#endif
  default: return &ck_training_scalar;
  }
}

// MARK: bands

typedef struct job job;
struct job {
  const ck_training *level;
  ck_extent extent;
  ck_pictures in, out, gradient;
  const float *scale, *shift, *slope, *offset, *mean;
  ck_activation activation;
  ck_window window;
  bool adds;
  int32_t values;
  float *partials;
  // One row of one picture; `sums` belongs to the band.
  void (*row)(const job *job, int32_t picture, int32_t y, float *sums);
};

static float *at(ck_pictures p, int32_t picture, ptrdiff_t y) { return p.base + picture * p.picture + y * p.row; }

static void run_band(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const job *job = context;
  const int32_t picture = index / bands, band = index % bands, height = job->extent.height;
  const ptrdiff_t size = (ptrdiff_t)job->values * job->extent.channels;
  float *sums = job->partials ? job->partials + index * size : NULL;
  if (sums) memset(sums, 0, sizeof(float) * (size_t)size);
  for (int32_t y = height * band / bands; y < height * (band + 1) / bands; y++) job->row(job, picture, y, sums);
}

static void run_bands(ck_pool *pool, const job *job) { ck_pool_run(pool, run_band, job, job->extent.count * bands); }

ptrdiff_t ck_partials_size(ck_extent extent, int32_t values) {
  return (ptrdiff_t)extent.count * bands * values * extent.channels;
}

// The sum of value `value` of channel `c` over all bands.
static double total(const job *job, int32_t value, int32_t c) {
  double sum = 0;
  for (int32_t band = 0; band < job->extent.count * bands; band++)
    sum += job->partials[((ptrdiff_t)band * job->values + value) * job->extent.channels + c];
  return sum;
}

// MARK: depthwise convolution

static void rows_around(const job *job, int32_t picture, int32_t y, const float *rows[3]) {
  for (int k = 0; k < 3; k++)
    rows[k] = at(job->in, picture, (ptrdiff_t)y * job->window.stride + (k - 1) * job->window.dilation);
}

static void depthwise_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const float *rows[3];
  rows_around(job, picture, y, rows);
  job->level->depthwise(
      job->extent.width, job->extent.channels, job->window.stride, rows, job->in.pixel,
      job->window.dilation * job->in.pixel, job->scale, job->activation, at(job->out, picture, y));
}

void ck_depthwise_forward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, const float *weights,
    ck_activation activation, ck_pictures out) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in, .out = out, .scale = weights, .activation = activation,
                   .window = window, .row = depthwise_row});
}

// out[o] reads in[o * stride + (k - 1) * dilation], so in[i] is read by the outputs o = (i - (k - 1) * dilation) / stride.
static void gather_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const int32_t stride = job->window.stride, dilation = job->window.dilation, channels = job->extent.channels;
  for (int32_t x = 0; x < stride && x < job->extent.width; x++) {
    const float *places[ck_most_window], *weights[ck_most_window];
    int32_t taps = 0;
    for (int32_t k = 0; k < ck_most_window; k++) {
      const int32_t above = y - (k / 3 - 1) * dilation, left = x - (k % 3 - 1) * dilation;
      if (above % stride || left % stride) continue;
      places[taps] = at(job->gradient, picture, above / stride) + left / stride * job->gradient.pixel;
      weights[taps++] = job->scale + k * channels;
    }
    job->level->gather(
        (job->extent.width - x + stride - 1) / stride, channels, taps, places, job->gradient.pixel, weights, job->adds,
        at(job->out, picture, y) + x * job->out.pixel, stride * job->out.pixel);
  }
}

void ck_depthwise_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures out_gradient,
    const float *weights, bool adds, ck_pictures gradient) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .gradient = out_gradient, .out = gradient, .scale = weights,
                   .window = window, .adds = adds, .row = gather_row});
}

static void depthwise_weights_row(const job *job, int32_t picture, int32_t y, float *sums) {
  const float *rows[3];
  rows_around(job, picture, y, rows);
  job->level->depthwise_weights(
      job->extent.width, job->extent.channels, rows, job->window.stride * job->in.pixel,
      job->window.dilation * job->in.pixel, at(job->gradient, picture, y), job->gradient.pixel, sums);
}

void ck_depthwise_weights(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, ck_pictures out_gradient,
    float *partials, float *gradient) {
  job job = {.level = level, .extent = extent, .in = in, .gradient = out_gradient, .window = window,
             .values = ck_most_window, .partials = partials, .row = depthwise_weights_row};
  run_bands(pool, &job);
  for (int32_t k = 0; k < ck_most_window; k++)
    for (int32_t c = 0; c < extent.channels; c++) gradient[k * extent.channels + c] = (float)total(&job, k, c);
}

// MARK: batch norm

// Parts of a variance are joined as Chan, Golub and LeVeque do (1979): sums are [mean][squares][row's mean][row's squares].
static void moments_row(const job *job, int32_t picture, int32_t y, float *sums) {
  const int32_t channels = job->extent.channels, width = job->extent.width, height = job->extent.height;
  float *mean = sums, *square = sums + channels, *row_mean = square + channels, *row_square = row_mean + channels;
  job->level->moments(width, channels, at(job->in, picture, y), job->in.pixel, row_mean, row_square);
  // Rows of this band before this one.
  int32_t band = 0;
  while (height * (band + 1) / bands <= y) band++;
  const float before = (float)(y - height * band / bands), share = 1 / (before + 1);
  for (int32_t c = 0; c < channels; c++) {
    const float difference = row_mean[c] - mean[c];
    mean[c] += difference * share;
    square[c] += row_square[c] + difference * difference * (before * share * (float)width);
  }
}

void ck_batch_statistics(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, float *partials, float *mean,
    float *variance) {
  job job = {.level = level, .extent = extent, .in = in, .values = 4, .partials = partials, .row = moments_row};
  run_bands(pool, &job);
  const int32_t channels = extent.channels;
  for (int32_t c = 0; c < channels; c++) {
    double m = 0, square = 0, count = 0;
    for (int32_t i = 0; i < extent.count * bands; i++) {
      const int32_t band = i % bands;
      const double pixels =
          (double)(extent.height * (band + 1) / bands - extent.height * band / bands) * extent.width;
      if (pixels == 0) continue;
      const float *part = partials + (ptrdiff_t)i * 4 * channels + c;
      const double difference = part[0] - m;
      count += pixels;
      m += difference * pixels / count;
      square += part[channels] + difference * difference * pixels * (count - pixels) / count;
    }
    mean[c] = (float)m;
    variance[c] = (float)(square / count);
  }
}

static void scale_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  job->level->scale_shift(
      job->extent.width, job->extent.channels, at(job->in, picture, y), job->in.pixel, job->scale, job->shift,
      job->activation, at(job->out, picture, y), job->out.pixel);
}

void ck_scale_shift(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *scale, const float *shift,
    ck_activation activation, ck_pictures out) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in, .out = out, .scale = scale, .shift = shift,
                   .activation = activation, .row = scale_row});
}

static void norm_sums_row(const job *job, int32_t picture, int32_t y, float *sums) {
  job->level->norm_sums(
      job->extent.width, job->extent.channels, at(job->in, picture, y), job->in.pixel, job->mean, job->scale, job->shift,
      job->activation, at(job->gradient, picture, y), job->gradient.pixel, sums);
}

static void norm_backward_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  job->level->norm_backward(
      job->extent.width, job->extent.channels, at(job->in, picture, y), job->in.pixel, job->scale, job->shift,
      job->slope, job->offset, job->activation, at(job->gradient, picture, y), job->gradient.pixel);
}

// With x' = (x - mean) / deviation and g the gradient of gamma x' + beta:
// dx = gamma / deviation * (g - average(g) - x' average(g x')), which is linear in g and x.
void ck_batch_norm_sums(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *mean, const float *variance,
    const float *scale, const float *shift, ck_activation activation, ck_pictures out_gradient, float *partials,
    int32_t channels, float *gamma_gradient, float *beta_gradient, double *sums) {
  job job = {.level = level, .extent = extent, .in = in, .gradient = out_gradient, .mean = mean, .scale = scale,
             .shift = shift, .activation = activation, .values = 2, .partials = partials, .row = norm_sums_row};
  run_bands(pool, &job);
  double *plain = sums, *centred = sums + extent.channels;
  for (int32_t c = 0; c < extent.channels; c++) {
    plain[c] = total(&job, 0, c);
    centred[c] = total(&job, 1, c);
    if (c >= channels) continue;
    gamma_gradient[c] += (float)(centred[c] / sqrt(variance[c] + 1e-5));
    beta_gradient[c] += (float)plain[c];
  }
}

void ck_batch_norm_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *mean, const float *variance,
    const float *scale, const float *shift, ck_activation activation, ck_pictures out_gradient, float *partials,
    const double *sums, double pixels) {
  const double *plain = sums, *centred = sums + extent.channels;
  float *slope = partials, *offset = partials + extent.channels;
  for (int32_t c = 0; c < extent.channels; c++) {
    const double s = -scale[c] / (variance[c] + 1e-5) * centred[c] / pixels;
    slope[c] = (float)s;
    offset[c] = (float)(-scale[c] * plain[c] / pixels - s * mean[c]);
  }
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in, .gradient = out_gradient, .mean = mean, .scale = scale,
                   .shift = shift, .activation = activation, .slope = slope, .offset = offset, .row = norm_backward_row});
}

// MARK: activations and sums

static void activation_row(const job *job, int32_t picture, int32_t y, float *sums) {
  job->level->activation_backward(
      job->extent.width, job->extent.channels, job->out.base ? at(job->out, picture, y) : NULL, job->out.pixel,
      job->activation, at(job->gradient, picture, y), job->gradient.pixel, sums);
}

void ck_activation_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures out, ck_activation activation,
    ck_pictures gradient, float *partials, int32_t channels, float *bias_gradient) {
  job job = {.level = level, .extent = extent, .out = out, .gradient = gradient, .activation = activation, .values = 1,
             .partials = partials, .row = activation_row};
  run_bands(pool, &job);
  if (bias_gradient)
    for (int32_t c = 0; c < channels; c++) bias_gradient[c] += (float)total(&job, 0, c);
}

static void add_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  job->level->add(
      job->extent.width, job->extent.channels, at(job->in, picture, y), job->in.pixel,
      job->gradient.base ? at(job->gradient, picture, y) : NULL, job->gradient.pixel, job->activation,
      at(job->out, picture, y), job->out.pixel);
}

void ck_add(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures a, ck_pictures b, ck_activation activation,
    ck_pictures out) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = a, .gradient = b, .out = out, .activation = activation,
                   .row = add_row});
}

static void copy_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const float *in = at(job->in, picture, y);
  float *out = at(job->out, picture, y);
  for (int32_t x = 0; x < job->extent.width; x++, in += job->in.pixel, out += job->out.pixel)
    if (job->adds)
      for (int32_t c = 0; c < job->values; c++) out[c] += in[c];
    else
      memcpy(out, in, sizeof(float) * (size_t)job->values);
}

void ck_copy_channels(
    ck_pool *pool, ck_extent extent, int32_t channels, ck_pictures in, bool adds, ck_pictures out) {
  run_bands(
      pool, &(job){.extent = extent, .in = in, .out = out, .adds = adds, .values = channels, .row = copy_row});
}

// MARK: planes and the loss

static void planes_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const ptrdiff_t plane = (ptrdiff_t)job->extent.height * job->extent.width;
  const float *in = job->scale + picture * job->values * plane + (ptrdiff_t)y * job->extent.width;
  float *out = at(job->out, picture, y);
  for (int32_t c = 0; c < job->values; c++)
    for (int32_t x = 0; x < job->extent.width; x++) out[x * job->out.pixel + c] = in[c * plane + x];
}

void ck_pictures_from_planes(
    ck_pool *pool, const float *planes, int32_t channels, ck_extent extent, ck_pictures out) {
  run_bands(pool, &(job){.extent = extent, .out = out, .scale = planes, .values = channels, .row = planes_row});
}

double ck_masked_squares(
    ck_extent extent, int32_t channels, ck_pictures out, const float *target, const float *mask, float factor, bool adds,
    ck_pictures gradient) {
  const ptrdiff_t plane = (ptrdiff_t)extent.height * extent.width;
  double sum = 0;
  for (int32_t n = 0; n < extent.count; n++)
    for (int32_t y = 0; y < extent.height; y++)
      for (int32_t x = 0; x < extent.width; x++) {
        const ptrdiff_t cell = (ptrdiff_t)y * extent.width + x;
        const float weight = mask[n * plane + cell];
        const float *value = at(out, n, y) + x * out.pixel, *wanted = target + n * channels * plane + cell;
        float *g = at(gradient, n, y) + x * gradient.pixel;
        for (int32_t c = 0; c < channels; c++) {
          const float difference = (value[c] - wanted[c * plane]) * weight;
          sum += (double)difference * difference;
          const float part = difference * weight * factor / (float)extent.count;
          g[c] = adds ? g[c] + part : part;
        }
      }
  return sum / 2 / extent.count;
}
