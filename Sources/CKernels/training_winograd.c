// The gradient of 3 x 3 kernels by Winograd's transforms: with the points of the input, B^T d B, and those of the output's
// gradient, A y A^T, multiplied and summed over all tiles, it is G^T (sum) G; a quarter of the products of the direct sum.
// See winograd.c.
#include "training_rows.h"

#include <string.h>

enum { points = 36, tile = 4, tiles_per_chunk = 256, apart = 16, inputs_per_task = 64 };

typedef struct {
  const ck_kernels *kernels;
  const ck_training *level;
  ck_extent extent;
  ck_pictures in, out_gradient;
  ck_convolution layer;
  int32_t inputs, depth, rows, columns, first, tiles;
  ptrdiff_t in_step, out_step;
  float *in_points, *out_points, *sums, *gradient;
} job;

static ptrdiff_t chunk_pictures(ck_extent extent, int32_t dilation) {
  const int32_t tiles = ck_winograd_tiles(extent.height, dilation) * ck_winograd_tiles(extent.width, dilation);
  const int32_t pictures = tiles_per_chunk / tiles > 1 ? tiles_per_chunk / tiles : 1;
  return pictures < extent.count ? pictures : extent.count;
}

static ptrdiff_t chunk_step(ck_extent extent, int32_t dilation, int32_t channels) {
  return chunk_pictures(extent, dilation) * ck_winograd_tiles(extent.height, dilation) *
             ck_winograd_tiles(extent.width, dilation) * channels + apart;
}

ptrdiff_t ck_winograd_weights_scratch(ck_extent extent, int32_t dilation, int32_t inputs, int32_t depth) {
  return points * (chunk_step(extent, dilation, depth) + chunk_step(extent, dilation, extent.channels) +
                   (ptrdiff_t)inputs * extent.channels);
}

// One row of tiles of one picture of the chunk.
static void transform_row(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const job *job = context;
  const int32_t picture = job->first + index / job->rows, dilation = job->layer.winograd;
  const int32_t height = job->extent.height, width = job->extent.width, channels = job->extent.channels;
  const int32_t y = ck_winograd_origin(height, dilation, index % job->rows);
  ck_convolution layer = job->layer;
  layer.in.base += picture * job->in.picture;
  const ck_pictures g = job->out_gradient;
  for (int32_t column = 0; column < job->columns; column++) {
    const int32_t x = ck_winograd_origin(width, dilation, column);
    const ptrdiff_t place = (ptrdiff_t)index * job->columns + column;
    job->kernels->winograd_in(&layer, y, x, job->in_points + place * job->depth, job->in_step);
    const int32_t below = (height - 1 - y) / dilation + 1, right = (width - 1 - x) / dilation + 1;
    job->level->winograd_gradient(
        (const float *)g.base + picture * g.picture + y * g.row + x * g.pixel, g.row * dilation, g.pixel * dilation,
        below < tile ? below : tile, right < tile ? right : tile, channels, job->out_points + place * channels,
        job->out_step);
  }
}

// Some inputs of one point, over all tiles of the chunk.
static void multiply_point(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const job *job = context;
  const int32_t groups = (job->inputs + inputs_per_task - 1) / inputs_per_task, channels = job->extent.channels;
  const int32_t point = index / groups, first = job->inputs * (index % groups) / groups;
  const int32_t inputs = job->inputs * (index % groups + 1) / groups - first;
  float *sums = job->sums + ((ptrdiff_t)point * job->inputs + first) * channels;
  if (job->first == 0) memset(sums, 0, sizeof(float) * (size_t)(inputs * (ptrdiff_t)channels));
  job->level->outer(
      1, job->tiles, &(ck_factor){job->in_points + point * job->in_step + first, 0, job->depth, ck_lanes}, inputs,
      &(ck_factor){job->out_points + point * job->out_step, 0, channels, ck_lanes}, channels, sums, channels);
}

static void transform_back(const void *context, int32_t input, int32_t thread) {
  (void)thread;
  const job *job = context;
  const ptrdiff_t channels = job->extent.channels, step = job->inputs * channels;
  job->level->winograd_kernel_gradient(
      job->extent.channels, job->sums + input * channels, step, job->gradient + input * channels, step);
}

void ck_winograd_dense_weights(
    const ck_kernels *kernels, const ck_training *level, ck_pool *pool, ck_extent extent, int32_t dilation,
    ck_pictures in, int32_t inputs, int32_t depth, ck_pictures out_gradient, float *scratch, float *gradient) {
  job job = {
    .kernels = kernels, .level = level, .extent = extent, .in = in, .out_gradient = out_gradient, .inputs = inputs,
    .depth = depth, .rows = ck_winograd_tiles(extent.height, dilation),
    .columns = ck_winograd_tiles(extent.width, dilation), .gradient = gradient,
    .layer = {.in = {in.base, in.row, in.pixel}, .height = extent.height, .width = extent.width, .depth = depth,
              .winograd = dilation},
    .in_step = chunk_step(extent, dilation, depth), .out_step = chunk_step(extent, dilation, extent.channels),
  };
  job.in_points = scratch;
  job.out_points = job.in_points + points * job.in_step;
  job.sums = job.out_points + points * job.out_step;
  const int32_t chunk = (int32_t)chunk_pictures(extent, dilation);
  const int32_t groups = (inputs + inputs_per_task - 1) / inputs_per_task;
  for (; job.first < extent.count; job.first += chunk) {
    const int32_t pictures = extent.count - job.first < chunk ? extent.count - job.first : chunk;
    job.tiles = pictures * job.rows * job.columns;
    ck_pool_run(pool, transform_row, &job, pictures * job.rows);
    ck_pool_run(pool, multiply_point, &job, points * groups);
  }
  ck_pool_run(pool, transform_back, &job, inputs);
}
