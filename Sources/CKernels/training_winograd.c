// The gradient of 3 x 3 kernels by Winograd's transforms: with the points of the input, B^T d B, and those of the output's
// gradient, A y A^T, multiplied and summed over all tiles, it is G^T (sum) G; a quarter of the products of the direct sum.
// See winograd.c.
#include "training_rows.h"
#include "winograd_points.h"

#include <string.h>

enum { tile = 4, tiles_per_chunk = 256, apart = 16, panels_per_task = 8 };

typedef struct {
  const ck_kernels *kernels;
  const ck_training *level;
  const ck_winograd_layer *layer;
  // Of what the points are: 4, or 2 for bfloat16.
  ptrdiff_t size;
  int32_t rows, columns, first, tiles, groups;
  ptrdiff_t in_step, out_step, pairs_size;
  char *in_points, *out_points;
  float *sums, *gradient;
  // Per thread.
  uint16_t *pairs;
} job;

static job job_of(const ck_winograd_layer *layer) {
  const ck_extent extent = layer->extent;
  job job = {
    .layer = layer, .size = layer->bf16 ? 2 : 4, .rows = ck_winograd_tiles(extent.height, layer->dilation),
    .columns = ck_winograd_tiles(extent.width, layer->dilation),
  };
  job.tiles = job.rows * job.columns;
  if (job.tiles < tiles_per_chunk) {
    const int32_t pictures = tiles_per_chunk / job.tiles;
    job.tiles *= pictures < extent.count ? pictures : extent.count;
  }
  job.in_step = (ptrdiff_t)job.tiles * layer->depth + apart;
  job.out_step = (ptrdiff_t)job.tiles * extent.channels + apart;
  job.groups = (layer->depth / ck_lanes + panels_per_task - 1) / panels_per_task;
  if (layer->bf16) job.pairs_size = (job.tiles + 1) / 2 * 2 * (panels_per_task * ck_lanes + (ptrdiff_t)extent.channels);
  return job;
}

static ptrdiff_t floats(ptrdiff_t bytes) { return (bytes + 63) / 64 * 16; }

ptrdiff_t ck_winograd_weights_scratch(const ck_winograd_layer *layer, int32_t threads) {
  const job job = job_of(layer);
  return floats(points * job.in_step * job.size) + floats(points * job.out_step * job.size) +
         points * (ptrdiff_t)layer->depth * layer->extent.channels + threads * floats(job.pairs_size * 2);
}

// One row of tiles of one picture of the chunk.
static void transform_row(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const job *job = context;
  const ck_winograd_layer *layer = job->layer;
  const int32_t picture = job->first + index / job->rows, dilation = layer->dilation;
  const int32_t height = layer->extent.height, width = layer->extent.width, channels = layer->extent.channels;
  const int32_t y = ck_winograd_origin(height, dilation, index % job->rows);
  const ck_pictures in = layer->in, g = layer->out_gradient;
  const ck_convolution read = {
    .in = {(float *)in.base + picture * in.picture, in.row, in.pixel}, .height = height, .width = width,
    .depth = layer->depth, .winograd = dilation,
  };
  const ck_gradient_points gradient_points = layer->bf16 ? layer->bf16->winograd_gradient : job->level->winograd_gradient;
  for (int32_t column = 0; column < job->columns; column++) {
    const int32_t x = ck_winograd_origin(width, dilation, column);
    const ptrdiff_t place = (ptrdiff_t)index * job->columns + column;
    job->kernels->winograd_in(&read, y, x, job->in_points + place * layer->depth * job->size, job->in_step);
    const int32_t below = (height - 1 - y) / dilation + 1, right = (width - 1 - x) / dilation + 1;
    gradient_points(
        (const float *)g.base + picture * g.picture + y * g.row + x * g.pixel, g.row * dilation, g.pixel * dilation,
        below < tile ? below : tile, right < tile ? right : tile, channels,
        job->out_points + place * channels * job->size, job->out_step);
  }
}

// Tiles side by side to panels of 16 channels in pairs of tiles, the last one with a zero; the next panel.
static uint16_t *pair_tiles(int32_t tiles, const uint16_t *in, int32_t channels, int32_t panels, uint16_t *pairs) {
  for (int32_t panel = 0; panel < panels; panel++)
    for (int32_t t = 0; t < tiles; t += 2, pairs += 2 * ck_lanes) {
      static const uint16_t zeros[ck_lanes];
      const uint16_t *a = in + (ptrdiff_t)t * channels + panel * ck_lanes, *b = t + 1 < tiles ? a + channels : zeros;
      for (int c = 0; c < ck_lanes; c++) pairs[2 * c] = a[c], pairs[2 * c + 1] = b[c];
    }
  return pairs;
}

// Some inputs of one point, over all tiles of the chunk.
static void multiply_point(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_winograd_layer *layer = job->layer;
  const int32_t channels = layer->extent.channels, depth = layer->depth, all_panels = depth / ck_lanes;
  const int32_t point = index / job->groups, group = index % job->groups, panel = all_panels * group / job->groups;
  const int32_t panels = all_panels * (group + 1) / job->groups - panel, inputs = panels * ck_lanes;
  float *sums = job->sums + ((ptrdiff_t)point * depth + panel * ck_lanes) * channels;
  if (job->first == 0) memset(sums, 0, sizeof(float) * (size_t)(inputs * (ptrdiff_t)channels));
  const char *in = job->in_points + (point * job->in_step + panel * ck_lanes) * job->size;
  const char *gradient = job->out_points + point * job->out_step * job->size;
  if (!layer->bf16) {
    job->level->outer(
        1, job->tiles, &(ck_factor){(const float *)in, 0, depth, ck_lanes}, inputs,
        &(ck_factor){(const float *)gradient, 0, channels, ck_lanes}, channels, sums, channels);
    return;
  }
  const int32_t pairs = (job->tiles + 1) / 2;
  uint16_t *in_pairs = job->pairs + thread * job->pairs_size;
  uint16_t *gradient_pairs = pair_tiles(job->tiles, (const uint16_t *)in, depth, panels, in_pairs);
  pair_tiles(job->tiles, (const uint16_t *)gradient, channels, channels / ck_lanes, gradient_pairs);
  const ptrdiff_t step = pairs * (ptrdiff_t)2 * ck_lanes;
  layer->bf16->outer(pairs, in_pairs, step, inputs, gradient_pairs, step, channels, sums);
}

static void transform_back(const void *context, int32_t input, int32_t thread) {
  (void)thread;
  const job *job = context;
  const ptrdiff_t channels = job->layer->extent.channels;
  job->level->winograd_kernel_gradient(
      (int32_t)channels, job->sums + input * channels, job->layer->depth * channels, job->gradient + input * channels,
      job->layer->inputs * channels);
}

void ck_winograd_dense_weights(
    const ck_kernels *kernels, const ck_training *level, ck_pool *pool, const ck_winograd_layer *layer, float *gradient) {
  job job = job_of(layer);
  job.kernels = kernels;
  job.level = level;
  job.gradient = gradient;
  job.in_points = (char *)layer->scratch;
  job.out_points = (char *)(layer->scratch + floats(points * job.in_step * job.size));
  job.sums = (float *)job.out_points + floats(points * job.out_step * job.size);
  job.pairs = (uint16_t *)(job.sums + points * (ptrdiff_t)layer->depth * layer->extent.channels);
  job.pairs_size = floats(job.pairs_size * 2) * 2;
  const int32_t chunk = job.tiles / (job.rows * job.columns);
  for (; job.first < layer->extent.count; job.first += chunk) {
    const int32_t left = layer->extent.count - job.first, pictures = left < chunk ? left : chunk;
    job.tiles = pictures * job.rows * job.columns;
    ck_pool_run(pool, transform_row, &job, pictures * job.rows);
    ck_pool_run(pool, multiply_point, &job, points * job.groups);
  }
  ck_pool_run(pool, transform_back, &job, layer->inputs);
}
