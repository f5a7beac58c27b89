// Batches split over threads: a task is a band of rows of one picture. Sums over pixels are kept per band and added up in the
// order of the bands, so that they do not depend on the number of threads.
#include "training_rows.h"

#include <string.h>

enum { bands = 4 };

#if defined(__x86_64__)
extern const ck_training ck_training_avx2, ck_training_avx512;
#elif defined(__aarch64__)
extern const ck_training ck_training_neon;
#endif
extern const ck_training ck_training_scalar;

const ck_training *ck_training_for(ck_level level) {
  switch (level) {
#if defined(__x86_64__)
  case ck_level_avx512: return &ck_training_avx512;
  case ck_level_avx2: return &ck_training_avx2;
#elif defined(__aarch64__)
  case ck_level_neon: return &ck_training_neon;
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
  ck_slope slope;
  const float *mean, *planes;
  bool adds;
  int32_t channels;
  // `values` numbers per channel and part.
  int32_t values;
  float *partials;
  // One row of one picture; `sums` belongs to the band.
  void (*row)(const job *job, int32_t picture, int32_t y, float *sums);
};

static float *at(ck_pictures p, int32_t picture, ptrdiff_t y) {
  return (float *)p.base + picture * p.picture + y * p.row;
}

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

int32_t ck_band_parts(ck_extent extent) { return extent.count * bands; }

// The sum of value `value` of channel `c` over all parts.
static double total(const float *sums, int32_t parts, int32_t values, int32_t channels, int32_t value, int32_t c) {
  double sum = 0;
  for (int32_t part = 0; part < parts; part++) sum += sums[((ptrdiff_t)part * values + value) * channels + c];
  return sum;
}

// MARK: batch norm

ptrdiff_t ck_moments_size(int32_t channels) { return 3 * (ptrdiff_t)channels; }

static void moments_row(const job *job, int32_t picture, int32_t y, float *sums) {
  for (int32_t c = 0; c < job->extent.channels; c += ck_lanes)
    job->level->moments(
        ck_run_at(job->in, picture, c / ck_lanes, y, 0), job->extent.width, sums + c, job->extent.channels);
}

void ck_batch_moments(const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, float *moments) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in, .values = 3, .partials = moments, .row = moments_row});
}

void ck_join_moments(const float *moments, int32_t parts, int32_t channels, float *mean, float *variance) {
  for (int32_t c = 0; c < channels; c++) {
    double m = 0, square = 0, count = 0;
    for (int32_t part = 0; part < parts; part++) {
      const float *values = moments + part * ck_moments_size(channels) + c;
      const double pixels = values[2 * channels];
      if (pixels == 0) continue;
      const double difference = values[0] - m;
      count += pixels;
      m += difference * pixels / count;
      square += values[channels] + difference * difference * pixels * (count - pixels) / count;
    }
    mean[c] = (float)m;
    variance[c] = (float)(square / count);
  }
}

static void normalise_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  for (int32_t c = 0; c < job->extent.channels; c += ck_lanes) {
    ck_normal normal = job->slope.normal;
    if (normal.scale) normal.scale += c, normal.shift += c;
    job->level->stage(
        ck_run_at(job->in, picture, c / ck_lanes, y, 0), job->extent.width, &normal, at(job->out, picture, y) + c,
        job->out.pixel);
  }
}

void ck_normalise(
    const ck_training *level, ck_pool *pool, ck_extent extent, const ck_source *in, ck_pictures out) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in->values, .out = out,
                   .slope.normal = {in->scale, in->shift, in->activation}, .row = normalise_row});
}

static void norm_sums_row(const job *job, int32_t picture, int32_t y, float *sums) {
  for (int32_t c = 0; c < job->extent.channels; c += ck_lanes) {
    ck_normal normal = job->slope.normal;
    normal.scale += c, normal.shift += c;
    job->level->norm_sums(
        ck_run_at(job->in, picture, c / ck_lanes, y, 0), ck_run_at(job->gradient, picture, c / ck_lanes, y, 0),
        job->extent.width, job->mean + c, &normal, sums + c, job->extent.channels);
  }
}

void ck_norm_sums(
    const ck_training *level, ck_pool *pool, ck_extent extent, const ck_source *in, const float *mean,
    ck_pictures gradient, float *sums) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = in->values, .gradient = gradient, .mean = mean,
                   .slope.normal = {in->scale, in->shift, in->activation}, .values = 2, .partials = sums,
                   .row = norm_sums_row});
}

void ck_join_sums(const float *sums, int32_t parts, int32_t channels, double *joined) {
  for (int32_t value = 0; value < 2; value++)
    for (int32_t c = 0; c < channels; c++) joined[value * channels + c] = total(sums, parts, 2, channels, value, c);
}

static void slope_row(const job *job, int32_t picture, int32_t y, float *sums) {
  for (int32_t c = 0; c < job->extent.channels; c += ck_lanes) {
    ck_slope slope = job->slope;
    if (slope.slope) slope.normal.scale += c, slope.normal.shift += c, slope.slope += c, slope.offset += c;
    job->level->slope(
        ck_run_at(job->gradient, picture, c / ck_lanes, y, 0),
        job->in.base ? ck_run_at(job->in, picture, c / ck_lanes, y, 0) : (ck_run){}, job->extent.width, &slope, sums ? sums + c : NULL,
        at(job->out, picture, y) + c, job->out.pixel);
  }
}

void ck_take_slope(
    const ck_training *level, ck_pool *pool, ck_extent extent, const ck_output_gradient *gradient, ck_pictures out,
    float *partials, int32_t channels, float *bias_gradient) {
  run_bands(
      pool, &(job){.level = level, .extent = extent, .in = gradient->values, .gradient = gradient->gradient, .out = out,
                   .slope = {{gradient->scale, gradient->shift, gradient->activation}, gradient->slope, gradient->offset},
                   .values = 1, .partials = bias_gradient ? partials : NULL, .row = slope_row});
  for (int32_t c = 0; bias_gradient && c < channels; c++)
    bias_gradient[c] += (float)total(partials, ck_band_parts(extent), 1, extent.channels, 0, c);
}

// MARK: sums and copies

static void add_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const float *a = at(job->in, picture, y), *b = at(job->gradient, picture, y);
  float *out = at(job->out, picture, y);
  for (int32_t x = 0; x < job->extent.width; x++, a += job->in.pixel, b += job->gradient.pixel, out += job->out.pixel)
    for (int32_t c = 0; c < job->extent.channels; c++) out[c] = a[c] + b[c];
}

void ck_add(ck_pool *pool, ck_extent extent, ck_pictures a, ck_pictures b, ck_pictures out) {
  run_bands(pool, &(job){.extent = extent, .in = a, .gradient = b, .out = out, .row = add_row});
}

static void copy_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const float *in = at(job->in, picture, y);
  float *out = at(job->out, picture, y);
  for (int32_t x = 0; x < job->extent.width; x++, in += job->in.pixel, out += job->out.pixel)
    if (job->adds)
      for (int32_t c = 0; c < job->channels; c++) out[c] += in[c];
    else
      memcpy(out, in, sizeof(float) * (size_t)job->channels);
}

void ck_copy_channels(
    ck_pool *pool, ck_extent extent, int32_t channels, ck_pictures in, bool adds, ck_pictures out) {
  run_bands(
      pool, &(job){.extent = extent, .in = in, .out = out, .adds = adds, .channels = channels, .row = copy_row});
}

// MARK: planes and the loss

static void planes_row(const job *job, int32_t picture, int32_t y, float *sums) {
  (void)sums;
  const ptrdiff_t plane = (ptrdiff_t)job->extent.height * job->extent.width;
  const float *in = job->planes + picture * job->channels * plane + (ptrdiff_t)y * job->extent.width;
  float *out = at(job->out, picture, y);
  for (int32_t c = 0; c < job->channels; c++)
    for (int32_t x = 0; x < job->extent.width; x++) out[x * job->out.pixel + c] = in[c * plane + x];
}

void ck_pictures_from_planes(
    ck_pool *pool, const float *planes, int32_t channels, ck_extent extent, ck_pictures out) {
  run_bands(pool, &(job){.extent = extent, .out = out, .planes = planes, .channels = channels, .row = planes_row});
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
