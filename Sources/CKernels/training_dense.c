// Dense convolutions of a batch: forward, the packing of weights, and the gradient of the weights.
#include "training_rows.h"
#include "winograd_points.h"

#include <math.h>
#include <string.h>

// MARK: forward, and backward to the input with the transposed weights

typedef struct {
  const ck_kernels *kernels;
  const ck_convolution *layer;
  ptrdiff_t in_picture, out_picture;
  int32_t parts, rows;
} forward_job;

static void convolve_part(const void *context, int32_t index, int32_t thread) {
  const forward_job *job = context;
  ck_convolution layer = *job->layer;
  const int32_t picture = index / job->parts, part = index % job->parts;
  layer.in.base += picture * job->in_picture;
  layer.out.base += picture * job->out_picture;
  if (layer.residual.base) layer.residual.base += picture * job->out_picture;
  const int32_t first = part * layer.rows_per_task;
  const int32_t last = first + layer.rows_per_task < job->rows ? first + layer.rows_per_task : job->rows;
  if (layer.winograd)
    ck_winograd_rows(job->kernels, &layer, first, last, layer.scratch + thread * layer.scratch_size);
  else
    job->kernels->convolve(&layer, layer.in, first, last);
}

void ck_convolve_pictures(
    const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer, int32_t count, ptrdiff_t in_picture,
    ptrdiff_t out_picture) {
  const int32_t rows = layer->winograd ? ck_winograd_tiles(layer->height, layer->winograd) : layer->height;
  forward_job job = {
    kernels, layer, in_picture, out_picture, (rows + layer->rows_per_task - 1) / layer->rows_per_task, rows,
  };
  ck_pool_run(pool, convolve_part, &job, count * job.parts);
}

// MARK: weights

typedef struct {
  const ck_training *level;
  const ck_packing *packing;
} packing_job;

// What input k is multiplied by, for every place of the kernel or point.
static void put_weights(
    const ck_packing *p, ptrdiff_t start, int32_t k, int32_t width, float places[][most_block], int32_t count) {
  for (int32_t t = 0; t < count; t++) {
    const ptrdiff_t place = start + (ptrdiff_t)t * p->depth * width;
    if (!p->is_bf16) {
      memcpy((float *)p->packed + place + k * width, places[t], sizeof(float) * (size_t)width);
      continue;
    }
    uint16_t *halves = (uint16_t *)p->packed + place + (ptrdiff_t)(k / 2) * width * 2 + k % 2;
    for (int32_t i = 0; i < width; i++) halves[2 * i] = ck_bf16_of(places[t][i]);
  }
}

// One block of output channels.
static void pack_block(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const packing_job *job = context;
  const ck_packing *p = job->packing;
  const int32_t first = index * p->block, width = p->channels - first < p->block ? p->channels - first : p->block;
  const int32_t depth = p->is_transposed ? p->outputs : p->inputs, real = p->is_transposed ? p->inputs : p->outputs;
  const ptrdiff_t start = (ptrdiff_t)first * (p->is_winograd ? points : p->taps) * p->depth;
  for (int32_t k = 0; k < p->depth; k++) {
    float kernels[9][most_block] = {};
    if (k < depth)
      for (int32_t i = 0; i < width && first + i < real; i++) {
        const ptrdiff_t c = first + i;
        const float *kernel = p->weights + (p->is_transposed ? k * (ptrdiff_t)p->inputs + c : c * p->inputs + k) * p->taps;
        for (int32_t t = 0; t < p->taps; t++) kernels[t][i] = kernel[p->is_transposed ? p->taps - 1 - t : t];
      }
    float transformed[points][most_block];
    if (p->is_winograd) job->level->winograd_kernels(kernels, width, transformed[0], most_block);
    put_weights(p, start, k, width, p->is_winograd ? transformed : kernels, p->is_winograd ? points : p->taps);
  }
}

void ck_pack_weights(const ck_training *level, ck_pool *pool, const ck_packing *packing) {
  packing_job job = {level, packing};
  ck_pool_run(pool, pack_block, &job, (packing->channels + packing->block - 1) / packing->block);
}

void ck_unpack_gradient(
    const float *packed, int32_t inputs, int32_t outputs, int32_t channels, int32_t taps, float *gradient) {
  for (int32_t o = 0; o < outputs; o++)
    for (int32_t i = 0; i < inputs; i++)
      for (int32_t t = 0; t < taps; t++)
        *gradient++ += packed[((ptrdiff_t)t * inputs + i) * channels + o];
}

typedef struct {
  const ck_training *level;
  ck_extent extent;
  ck_window window;
  ck_pictures in, out_gradient;
  int32_t inputs, input_group, input_groups, output_group, output_groups, chunk;
  float *gradient;
} weights_job;

// The rows of a chunk, of both pictures, stay in the cache while every tile of the group takes its products from them.
static void weights_part(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const weights_job *job = context;
  const int32_t o = index % job->output_groups * job->output_group;
  index /= job->output_groups;
  const int32_t i = index % job->input_groups * job->input_group, tap = index / job->input_groups;
  const int32_t outputs = job->extent.channels - o < job->output_group ? job->extent.channels - o : job->output_group;
  const int32_t inputs = job->inputs - i < job->input_group ? job->inputs - i : job->input_group;
  const ptrdiff_t step = job->extent.channels, reach = job->window.size / 2;
  float *sums = job->gradient + ((ptrdiff_t)tap * job->inputs + i) * step + o;
  for (int32_t row = 0; row < inputs; row++) memset(sums + row * step, 0, sizeof(float) * (size_t)outputs);

  const ptrdiff_t down = (tap / job->window.size - reach) * job->window.dilation;
  const ptrdiff_t right = (tap % job->window.size - reach) * job->window.dilation;
  const ck_pictures in = job->in, gradient = job->out_gradient;
  for (int32_t n = 0; n < job->extent.count; n++)
    for (int32_t y = 0; y < job->extent.height; y += job->chunk) {
      const int32_t rows = job->extent.height - y < job->chunk ? job->extent.height - y : job->chunk;
      const float *corner = (const float *)in.base + n * in.picture +
                            ((ptrdiff_t)y * job->window.stride + down) * in.row + right * in.pixel + i;
      const float *g = (const float *)gradient.base + n * gradient.picture + y * gradient.row + o;
      job->level->outer(
          rows, job->extent.width,
          &(ck_factor){corner, in.row * job->window.stride, in.pixel * job->window.stride, ck_lanes}, inputs,
          &(ck_factor){g, gradient.row, gradient.pixel, ck_lanes}, outputs, sums, step);
    }
}

void ck_dense_weights(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, int32_t inputs,
    ck_pictures out_gradient, float *gradient) {
  weights_job job = {.level = level, .extent = extent, .window = window, .in = in, .out_gradient = out_gradient,
                     .inputs = inputs, .gradient = gradient};
  const int32_t taps = window.size * window.size, wanted = 4 * ck_pool_threads(pool);
  job.output_group = 128;
  job.output_groups = (extent.channels + 127) / 128;
  // Fewer inputs at a time where there would not be work for all threads.
  for (job.input_group = 128; job.input_group > 16; job.input_group -= 16) {
    job.input_groups = (inputs + job.input_group - 1) / job.input_group;
    if (taps * job.input_groups * job.output_groups >= wanted) break;
  }
  job.input_groups = (inputs + job.input_group - 1) / job.input_group;
  job.input_group = (inputs + job.input_groups - 1) / job.input_groups;
  job.chunk = 256 / extent.width > 1 ? 256 / extent.width : 1;
  ck_pool_run(pool, weights_part, &job, taps * job.input_groups * job.output_groups);
}

// MARK: optimiser

double ck_sum_of_squares(const float *values, ptrdiff_t count) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < count; i++) sum += (double)values[i] * values[i];
  return sum;
}

void ck_adam_step(
    const ck_adam *adam, ptrdiff_t count, const float *gradient, float *weights, float *mean, float *square) {
  const float step = adam->rate / adam->correction1, root = 1 / sqrtf(adam->correction2);
  for (ptrdiff_t i = 0; i < count; i++) {
    const float g = gradient[i] * adam->factor + adam->decay * weights[i];
    mean[i] = adam->beta1 * mean[i] + (1 - adam->beta1) * g;
    square[i] = adam->beta2 * square[i] + (1 - adam->beta2) * g * g;
    weights[i] -= adam->rate * adam->decoupled * weights[i] + step * mean[i] / (sqrtf(square[i]) * root + adam->epsilon);
  }
}

void ck_move_towards(ptrdiff_t count, const float *target, float share, float *values) {
  for (ptrdiff_t i = 0; i < count; i++) values[i] += (target[i] - values[i]) * share;
}
