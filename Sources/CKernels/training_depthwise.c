// 3 x 3 convolutions of every channel by itself. A task brings a band of rows of one panel of 16 channels into the cache with
// zeros around it, which is where batch norm and activation before the layer, and their gradients after it, are computed.
#include "training_rows.h"

#include <string.h>

// Floats of a band in the cache; panels a task works on one after the other.
enum { band_floats = 24 << 10, panels_per_task = 4 };

typedef struct {
  const ck_training *level;
  const ck_depthwise_layer *layer;
  const ck_output_gradient *out_gradient;
  const ck_input_gradient *in_gradient;
  int32_t bands, panels, groups;
  // Floats of a row in the cache and of a whole thread's memory.
  ptrdiff_t row_size, block_size, thread_size;
  // Per part, NULL where not wanted: see ck_moments_size; [9][16] per panel.
  float *moments, *weight_sums;
} job;

static int32_t rows_of_band(const ck_depthwise_layer *layer) {
  const int32_t stride = layer->window.stride, margin = 2 * layer->window.dilation;
  const int32_t row = (layer->width + margin) * ck_lanes, rows = (band_floats / row - margin) / stride;
  return rows < 1 ? 1 : rows < layer->extent.height ? rows : layer->extent.height;
}

static int32_t bands_of(const ck_depthwise_layer *layer) {
  const int32_t rows = rows_of_band(layer);
  return (layer->extent.height + rows - 1) / rows;
}

int32_t ck_depthwise_parts(const ck_depthwise_layer *layer) { return layer->extent.count * bands_of(layer); }

static job job_of(const ck_training *level, const ck_depthwise_layer *layer) {
  job job = {.level = level, .layer = layer, .bands = bands_of(layer), .panels = layer->extent.channels / ck_lanes};
  job.groups = (job.panels + panels_per_task - 1) / panels_per_task;
  const int32_t dilation = layer->window.dilation;
  const int32_t rows = (layer->extent.height + job.bands - 1) / job.bands * layer->window.stride + 2 * dilation + 1;
  // Gradients have as many rows or fewer; the last row is that of results.
  job.row_size = (layer->width + 2 * dilation) * (ptrdiff_t)ck_lanes;
  job.block_size = rows * job.row_size;
  job.thread_size = 2 * job.block_size + job.row_size;
  return job;
}

ptrdiff_t ck_depthwise_scratch(const ck_depthwise_layer *layer, int32_t threads) {
  const job job = job_of(NULL, layer);
  return threads * job.thread_size + (ptrdiff_t)ck_depthwise_parts(layer) * ck_most_window * layer->extent.channels;
}

// Which part of which panel a task computes.
typedef struct {
  int32_t picture, part, first, end, panel, last_panel;
} place;

static place place_of(const job *job, int32_t index) {
  place place = {.part = index / job->groups, .panel = index % job->groups * panels_per_task};
  const int32_t band = place.part % job->bands, height = job->layer->extent.height;
  place.picture = place.part / job->bands;
  place.first = height * band / job->bands;
  place.end = height * (band + 1) / job->bands;
  place.last_panel = place.panel + panels_per_task < job->panels ? place.panel + panels_per_task : job->panels;
  return place;
}

// MARK: bringing rows into the cache

static const float *row_at(const job *job, const float *block, int32_t first, int32_t y) {
  return block + (y - first) * job->row_size + job->layer->window.dilation * ck_lanes;
}

// Zeros on both sides of a row of `width` pixels, or all of it.
static void clear_around(const job *job, float *row, int32_t width) {
  const int32_t margin = job->layer->window.dilation * ck_lanes;
  memset(row, 0, sizeof(float) * (size_t)margin);
  memset(row + margin + width * ck_lanes, 0, sizeof(float) * (size_t)margin);
}

static void stage_input(const job *job, int32_t picture, int32_t panel, int32_t first, int32_t end, float *block) {
  const ck_depthwise_layer *layer = job->layer;
  const ck_source *in = &layer->in;
  const ptrdiff_t c = panel * ck_lanes;
  const ck_normal normal = {in->scale ? in->scale + c : NULL, in->shift ? in->shift + c : NULL, in->activation};
  for (int32_t y = first; y < end; y++, block += job->row_size) {
    clear_around(job, block, layer->width);
    float *row = block + layer->window.dilation * ck_lanes;
    if (y < 0 || y >= layer->height)
      memset(row, 0, sizeof(float) * (size_t)(layer->width * ck_lanes));
    else
      job->level->stage(ck_run_at(in->values, picture, panel, y, 0), layer->width, &normal, row, ck_lanes);
  }
}

static void stage_gradient(const job *job, int32_t picture, int32_t panel, int32_t first, int32_t end, float *block) {
  const ck_output_gradient *g = job->out_gradient;
  const ck_extent extent = job->layer->extent;
  const ptrdiff_t c = panel * ck_lanes;
  const ck_slope slope = {
    {g->scale ? g->scale + c : NULL, g->shift ? g->shift + c : NULL, g->activation}, g->slope ? g->slope + c : NULL,
    g->offset ? g->offset + c : NULL,
  };
  for (int32_t y = first; y < end; y++, block += job->row_size) {
    clear_around(job, block, extent.width);
    float *row = block + job->layer->window.dilation * ck_lanes;
    if (y < 0 || y >= extent.height)
      memset(row, 0, sizeof(float) * (size_t)(extent.width * ck_lanes));
    else
      job->level->slope(
          ck_run_at(g->gradient, picture, panel, y, 0),
          g->values.base ? ck_run_at(g->values, picture, panel, y, 0) : (ck_run){}, extent.width, &slope, NULL, row, ck_lanes);
  }
}

// MARK: forward

static void forward_task(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_depthwise_layer *layer = job->layer;
  const int32_t stride = layer->window.stride, dilation = layer->window.dilation, channels = layer->extent.channels;
  const place place = place_of(job, index);
  float *block = layer->scratch + thread * job->thread_size, *result = block + 2 * job->block_size;
  const int32_t top = place.first * stride - dilation;
  for (int32_t panel = place.panel; panel < place.last_panel; panel++) {
    stage_input(job, place.picture, panel, top, (place.end - 1) * stride + dilation + 1, block);
    float *moments = job->moments;
    if (moments) {
      moments += place.part * ck_moments_size(channels) + panel * ck_lanes;
      for (int i = 0; i < 3; i++) memset(moments + i * (ptrdiff_t)channels, 0, sizeof(float) * ck_lanes);
    }
    for (int32_t y = place.first; y < place.end; y++) {
      const float *rows[3];
      for (int k = 0; k < 3; k++) rows[k] = row_at(job, block, top, y * stride + (k - 1) * dilation);
      job->level->depthwise(
          layer->extent.width, stride, rows, dilation * ck_lanes,
          layer->weights + (ptrdiff_t)panel * ck_most_window * ck_lanes, result);
      if (moments) job->level->moments(ck_side_by_side(result), layer->extent.width, moments, channels);
      job->level->keep(
          ck_run_at(layer->out, place.picture, panel, y, 0), layer->extent.width, result, NULL, layer->activation, false);
    }
  }
}

// MARK: backward

// out[o] reads in[o * stride + (k - 1) * dilation], so in[i] is read by the outputs o = (i - (k - 1) * dilation) / stride.
// Without stride that is a convolution with the weights reversed.
static void gather_row(
    const job *job, const float *gradients, int32_t top, int32_t y, const float *weights, const float *reversed,
    float *result) {
  const int32_t stride = job->layer->window.stride, dilation = job->layer->window.dilation, width = job->layer->width;
  if (stride == 1) {
    const float *rows[3];
    for (int k = 0; k < 3; k++) rows[k] = row_at(job, gradients, top, y + (k - 1) * dilation);
    job->level->depthwise(width, 1, rows, dilation * ck_lanes, reversed, result);
    return;
  }
  for (int32_t x = 0; x < stride && x < width; x++) {
    const float *places[ck_most_window], *factors[ck_most_window];
    int32_t taps = 0;
    for (int32_t k = 0; k < ck_most_window; k++) {
      const int32_t above = y - (k / 3 - 1) * dilation, left = x - (k % 3 - 1) * dilation;
      if (above % stride || left % stride) continue;
      places[taps] = row_at(job, gradients, top, above / stride) + left / stride * ck_lanes;
      factors[taps++] = weights + k * ck_lanes;
    }
    job->level->gather((width - x + stride - 1) / stride, taps, places, factors, result + x * ck_lanes, stride);
  }
}

static void give_gradient(
    const job *job, const place *place, int32_t panel, const float *gradients, int32_t top, float *result) {
  const ck_depthwise_layer *layer = job->layer;
  const ck_input_gradient *out = job->in_gradient;
  const ck_source *in = &layer->in;
  const ptrdiff_t c = panel * ck_lanes, channels = layer->extent.channels;
  float *sums = out->mean ? out->sums + place->part * 2 * channels + c : NULL;
  if (sums)
    for (int i = 0; i < 2; i++) memset(sums + i * channels, 0, sizeof(float) * ck_lanes);
  const float *weights = layer->weights + c * ck_most_window;
  float reversed[ck_most_window * ck_lanes];
  for (int k = 0; k < ck_most_window; k++)
    memcpy(reversed + k * ck_lanes, weights + (ck_most_window - 1 - k) * ck_lanes, sizeof(float) * ck_lanes);
  const int32_t stride = layer->window.stride;
  const int32_t end = place->end == layer->extent.height ? layer->height : place->end * stride;
  for (int32_t y = place->first * stride; y < end; y++) {
    gather_row(job, gradients, top, y, weights, reversed, result);
    job->level->keep(
        ck_run_at(out->gradient, place->picture, panel, y, 0), layer->width, result, NULL, ck_activation_none, out->adds);
    if (sums)
      job->level->norm_sums(
          ck_run_at(in->values, place->picture, panel, y, 0), ck_side_by_side(result), layer->width, out->mean + c,
          &(ck_normal){in->scale + c, in->shift + c, in->activation}, sums, channels);
  }
}

static int32_t floor_divided(int32_t value, int32_t by) { return value >= 0 ? value / by : -((by - 1 - value) / by); }

static void backward_task(const void *context, int32_t index, int32_t thread) {
  const job *job = context;
  const ck_depthwise_layer *layer = job->layer;
  const int32_t stride = layer->window.stride, dilation = layer->window.dilation;
  const place place = place_of(job, index);
  float *block = layer->scratch + thread * job->thread_size, *gradients = block + job->block_size;
  float *result = gradients + job->block_size;
  const int32_t top = place.first * stride - dilation, bottom = (place.end - 1) * stride + dilation;
  // The outputs that read one of this band's inputs; they are at least the band's own.
  const int32_t last = place.end == layer->extent.height ? layer->height : place.end * stride;
  const int32_t gradient_top = floor_divided(place.first * stride - dilation, stride);
  const int32_t gradient_end = floor_divided(last - 1 + dilation, stride) + 1;
  for (int32_t panel = place.panel; panel < place.last_panel; panel++) {
    stage_gradient(job, place.picture, panel, gradient_top, gradient_end, gradients);
    stage_input(job, place.picture, panel, top, bottom + 1, block);
    float *sums = job->weight_sums + ((ptrdiff_t)place.part * job->panels + panel) * ck_most_window * ck_lanes;
    memset(sums, 0, sizeof(float) * ck_most_window * ck_lanes);
    for (int32_t y = place.first; y < place.end; y++) {
      const float *rows[3];
      for (int k = 0; k < 3; k++) rows[k] = row_at(job, block, top, y * stride + (k - 1) * dilation);
      job->level->depthwise_weights(
          layer->extent.width, stride, rows, dilation * ck_lanes, row_at(job, gradients, gradient_top, y), sums);
    }
    if (job->in_gradient) give_gradient(job, &place, panel, gradients, gradient_top, result);
  }
}

// MARK: whole batches

void ck_depthwise_forward(const ck_training *level, ck_pool *pool, const ck_depthwise_layer *layer, float *moments) {
  job job = job_of(level, layer);
  job.moments = moments;
  ck_pool_run(pool, forward_task, &job, layer->extent.count * job.bands * job.groups);
}

void ck_depthwise_backward(
    const ck_training *level, ck_pool *pool, const ck_depthwise_layer *layer, const ck_output_gradient *out_gradient,
    const ck_input_gradient *in_gradient, int32_t channels, float *weights_gradient) {
  job job = job_of(level, layer);
  job.out_gradient = out_gradient;
  job.in_gradient = in_gradient;
  job.weight_sums = layer->scratch + ck_pool_threads(pool) * job.thread_size;
  ck_pool_run(pool, backward_task, &job, layer->extent.count * job.bands * job.groups);
  for (int32_t c = 0; c < channels; c++)
    for (int32_t k = 0; k < ck_most_window; k++) {
      double sum = 0;
      for (int32_t part = 0; part < layer->extent.count * job.bands; part++)
        sum += job.weight_sums[(((ptrdiff_t)part * job.panels + c / ck_lanes) * ck_most_window + k) * ck_lanes + c % ck_lanes];
      weights_gradient[c * ck_most_window + k] += (float)sum;
    }
}
