// 1 x 1 convolutions of a batch as products of matrices. A chunk of pixels is brought into the cache in panels of 16 channels,
// which is where batch norm and activation before the layer, and their gradients after it, are computed; every product of the
// chunk is then taken from there.
#include "training_rows.h"

#include <string.h>

// Floats of one chunk's panels, which share the second level cache with the weights; parts that sums are kept in.
enum { chunk_floats = 96 << 10, fewest_pixels = 28, most_parts = 16 };

typedef struct {
  const ck_training *level;
  const ck_pointwise *layer;
  const ck_output_gradient *out_gradient;
  const ck_input_gradient *in_gradient;
  const void *weights;
  // Of a chunk, of a picture, of all.
  int32_t most_pixels, chunks, all_chunks, parts;
  // Per thread: panels of what is read, panels of the output's gradient, one block of products.
  ptrdiff_t in_size, gradient_size, thread_size;
  float *scratch;
  // Per part, NULL where not wanted: see ck_moments_size; sums of the output's gradient; sums of weights' gradients.
  float *moments, *bias_sums, *weight_sums, *gradient;
} job;

typedef struct {
  int32_t picture, first, pixels;
} chunk;

static int32_t pixels_of(ck_extent extent) { return extent.height * extent.width; }

static int32_t pixels_of_chunk(ck_extent extent, int32_t channels) {
  const int32_t pixels = pixels_of(extent);
  int32_t most = chunk_floats / channels;
  if (most < fewest_pixels) most = fewest_pixels;
  const int32_t chunks = (pixels + most - 1) / most;
  return (pixels + chunks - 1) / chunks;
}

static void divide(job *job, int32_t channels) {
  const ck_extent extent = job->layer->extent;
  job->most_pixels = pixels_of_chunk(extent, channels);
  job->chunks = (pixels_of(extent) + job->most_pixels - 1) / job->most_pixels;
  job->all_chunks = extent.count * job->chunks;
  job->parts = ck_pointwise_parts(extent);
}

// A part is as many chunks as the next one, give or take one; the number does not depend on that of the threads.
int32_t ck_pointwise_parts(ck_extent extent) {
  const int64_t pixels = (int64_t)extent.count * pixels_of(extent);
  const int64_t parts = pixels / fewest_pixels;
  return parts < 1 ? 1 : parts < most_parts ? (int32_t)parts : most_parts;
}

static chunk chunk_at(const job *job, int32_t index) {
  const int32_t first = index % job->chunks * job->most_pixels, rest = pixels_of(job->layer->extent) - first;
  return (chunk){index / job->chunks, first, rest < job->most_pixels ? rest : job->most_pixels};
}

// The longest run of the chunk's pixels that lie at equal distances, from pixel `done` on.
static int32_t run_length(const job *job, chunk chunk, int32_t done, ck_pictures p) {
  const int32_t width = job->layer->extent.width, left = chunk.pixels - done;
  if (p.row == width * p.pixel) return left;
  const int32_t rest = width - (chunk.first + done) % width;
  return rest < left ? rest : left;
}

static ck_run run_at(const job *job, chunk chunk, int32_t done, ck_pictures p, int32_t panel) {
  const int32_t width = job->layer->extent.width, pixel = chunk.first + done;
  return ck_run_at(p, chunk.picture, panel, pixel / width, pixel % width);
}

static ck_normal normal_at(const float *scale, const float *shift, ck_activation activation, int32_t panel) {
  const ptrdiff_t c = panel * ck_lanes;
  return (ck_normal){scale ? scale + c : NULL, shift ? shift + c : NULL, activation};
}

// MARK: bringing a chunk into the cache

// The panels of a chunk in the forms that products read: f32, or bfloat16 pixel by pixel and in pairs of pixels. Each may be NULL.
typedef struct panels {
  float *floats;
  uint16_t *halves, *pairs;
} panels;

static ptrdiff_t pair_size(int32_t pixels) { return (ptrdiff_t)(pixels + 1) / 2 * 2 * ck_lanes; }

// Where one panel is staged: at its place, or on the way to its halves.
static float *stage_place(const panels *panels, int32_t panel, int32_t pixels, float *way) {
  return panels->floats ? panels->floats + (ptrdiff_t)panel * pixels * ck_lanes : way;
}

static void narrow(const job *job, const panels *panels, int32_t panel, int32_t pixels, const float *way) {
  if (panels->floats) return;
  job->level->narrow(
      pixels, way, panels->halves ? panels->halves + (ptrdiff_t)panel * pixels * ck_lanes : NULL,
      panels->pairs ? panels->pairs + panel * pair_size(pixels) : NULL);
}

static void stage_input(const job *job, chunk chunk, const panels *panels, float *way) {
  const ck_source *in = &job->layer->in;
  for (int32_t panel = 0; panel < job->layer->inputs / ck_lanes; panel++) {
    const ck_normal normal = normal_at(in->scale, in->shift, in->activation, panel);
    float *place = stage_place(panels, panel, chunk.pixels, way);
    for (int32_t done = 0, n; done < chunk.pixels; done += n) {
      n = run_length(job, chunk, done, in->values);
      job->level->stage(run_at(job, chunk, done, in->values, panel), n, &normal, place + done * ck_lanes, ck_lanes);
    }
    narrow(job, panels, panel, chunk.pixels, place);
  }
}

static void stage_gradient(const job *job, chunk chunk, const panels *panels, float *way, float *bias_sums) {
  const ck_output_gradient *g = job->out_gradient;
  for (int32_t panel = 0; panel < job->layer->extent.channels / ck_lanes; panel++) {
    const ptrdiff_t c = panel * ck_lanes;
    const ck_slope slope = {
      normal_at(g->scale, g->shift, g->activation, panel), g->slope ? g->slope + c : NULL, g->offset ? g->offset + c : NULL,
    };
    float *place = stage_place(panels, panel, chunk.pixels, way);
    for (int32_t done = 0, n; done < chunk.pixels; done += n) {
      n = run_length(job, chunk, done, g->gradient);
      if (g->values.base) {
        const int32_t other = run_length(job, chunk, done, g->values);
        if (other < n) n = other;
      }
      job->level->slope(
          run_at(job, chunk, done, g->gradient, panel),
          g->values.base ? run_at(job, chunk, done, g->values, panel) : (ck_run){}, n, &slope, bias_sums ? bias_sums + c : NULL,
          place + done * ck_lanes, ck_lanes);
    }
    narrow(job, panels, panel, chunk.pixels, place);
  }
}

// Columns c ..< c + columns of what the panels' product with the weights is.
static void multiply(
    const job *job, chunk chunk, const panels *panels, int32_t depth, int32_t c, int32_t columns, float *products) {
  const ptrdiff_t panel_size = chunk.pixels * ck_lanes, first = (ptrdiff_t)c * depth;
  if (panels->floats)
    job->level->product(
        chunk.pixels, depth, panels->floats, panel_size, (const float *)job->weights + first, columns, products, panel_size);
  else
    job->layer->bf16->product(
        chunk.pixels, depth, panels->halves, panel_size, (const uint16_t *)job->weights + first, columns, products,
        panel_size);
}

// MARK: forward

static void finish_output(const job *job, chunk chunk, int32_t panel, const float *products, float *moments) {
  const ck_pointwise *layer = job->layer;
  const ptrdiff_t c = panel * ck_lanes;
  if (moments)
    job->level->moments(ck_side_by_side(products), chunk.pixels, moments + c, layer->extent.channels);
  for (int32_t done = 0, n; done < chunk.pixels; done += n) {
    n = run_length(job, chunk, done, layer->out);
    job->level->keep(
        run_at(job, chunk, done, layer->out, panel), n, products + done * ck_lanes,
        layer->bias ? layer->bias + c : NULL, layer->activation, false);
  }
}

static void forward_part(const void *context, int32_t part, int32_t thread) {
  const job *job = context;
  const ck_pointwise *layer = job->layer;
  const int32_t channels = layer->extent.channels, block = job->level->block;
  float *memory = job->scratch + thread * job->thread_size, *products = memory + job->in_size + job->gradient_size;
  const panels panels = layer->bf16 ? (struct panels){.halves = (uint16_t *)memory} : (struct panels){.floats = memory};
  float *moments = job->moments ? job->moments + part * ck_moments_size(channels) : NULL;
  if (moments) memset(moments, 0, sizeof(float) * (size_t)ck_moments_size(channels));
  const int32_t end = (int32_t)((int64_t)job->all_chunks * (part + 1) / job->parts);
  for (int32_t index = (int32_t)((int64_t)job->all_chunks * part / job->parts); index < end; index++) {
    const chunk chunk = chunk_at(job, index);
    const ptrdiff_t panel_size = chunk.pixels * ck_lanes;
    stage_input(job, chunk, &panels, products);
    for (int32_t c = 0; c < channels; c += block) {
      const int32_t columns = channels - c < block ? channels - c : block;
      multiply(job, chunk, &panels, layer->inputs, c, columns, products);
      for (int32_t i = 0; i < columns / ck_lanes; i++)
        finish_output(job, chunk, c / ck_lanes + i, products + i * panel_size, moments);
    }
  }
}

// MARK: backward

static void finish_gradient(
    const job *job, chunk chunk, int32_t panel, const float *products, float *sums) {
  const ck_source *in = &job->layer->in;
  const ck_input_gradient *out = job->in_gradient;
  const ptrdiff_t c = panel * ck_lanes;
  const ck_normal normal = normal_at(in->scale, in->shift, in->activation, panel);
  for (int32_t done = 0, n; done < chunk.pixels; done += n) {
    n = run_length(job, chunk, done, out->gradient);
    job->level->keep(
        run_at(job, chunk, done, out->gradient, panel), n, products + done * ck_lanes, NULL, ck_activation_none, out->adds);
  }
  if (!sums) return;
  for (int32_t done = 0, n; done < chunk.pixels; done += n) {
    n = run_length(job, chunk, done, in->values);
    job->level->norm_sums(
        run_at(job, chunk, done, in->values, panel), ck_side_by_side(products + done * ck_lanes), n, out->mean + c,
        &normal, sums + c, job->layer->inputs);
  }
}

static void backward_part(const void *context, int32_t part, int32_t thread) {
  const job *job = context;
  const ck_pointwise *layer = job->layer;
  const int32_t channels = layer->extent.channels, inputs = layer->inputs, block = job->level->block;
  float *memory = job->scratch + thread * job->thread_size, *products = memory + job->in_size + job->gradient_size;
  panels in = {.floats = memory}, gradient = {.floats = memory + job->in_size};
  if (layer->bf16) {
    in = (panels){.pairs = (uint16_t *)memory};
    gradient = (panels){.pairs = (uint16_t *)(memory + job->in_size)};
    gradient.halves = gradient.pairs + channels / ck_lanes * pair_size(job->most_pixels);
  }
  const ck_input_gradient *in_gradient = job->in_gradient;
  float *weight_sums = job->weight_sums + part * (ptrdiff_t)inputs * channels;
  float *bias_sums = job->bias_sums ? job->bias_sums + part * (ptrdiff_t)channels : NULL;
  float *norm_sums = in_gradient && in_gradient->mean ? in_gradient->sums + part * (ptrdiff_t)2 * inputs : NULL;
  memset(weight_sums, 0, sizeof(float) * (size_t)(inputs * (ptrdiff_t)channels));
  if (bias_sums) memset(bias_sums, 0, sizeof(float) * (size_t)channels);
  if (norm_sums) memset(norm_sums, 0, sizeof(float) * 2 * (size_t)inputs);

  const int32_t end = (int32_t)((int64_t)job->all_chunks * (part + 1) / job->parts);
  for (int32_t index = (int32_t)((int64_t)job->all_chunks * part / job->parts); index < end; index++) {
    const chunk chunk = chunk_at(job, index);
    const ptrdiff_t panel_size = chunk.pixels * ck_lanes;
    stage_gradient(job, chunk, &gradient, products, bias_sums);
    for (int32_t c = 0; in_gradient && c < inputs; c += block) {
      const int32_t columns = inputs - c < block ? inputs - c : block;
      multiply(job, chunk, &gradient, channels, c, columns, products);
      for (int32_t i = 0; i < columns / ck_lanes; i++)
        finish_gradient(job, chunk, c / ck_lanes + i, products + i * panel_size, norm_sums);
    }
    stage_input(job, chunk, &in, products);
    if (layer->bf16)
      layer->bf16->outer(
          (chunk.pixels + 1) / 2, in.pairs, pair_size(chunk.pixels), inputs, gradient.pairs, pair_size(chunk.pixels), channels,
          weight_sums);
    else
      job->level->outer(
          1, chunk.pixels, &(ck_factor){in.floats, 0, ck_lanes, panel_size}, inputs,
          &(ck_factor){gradient.floats, 0, ck_lanes, panel_size}, channels, weight_sums, channels);
  }
}

// One output channel's weights, from [parts][inputs][channels] to PyTorch's [outputs][inputs], added.
static void add_weights(const void *context, int32_t index, int32_t thread) {
  (void)thread;
  const job *job = context;
  const int32_t inputs = job->layer->inputs, channels = job->layer->extent.channels, real = job->layer->real_inputs;
  const int32_t first = index * ck_lanes;
  const int32_t outputs = job->layer->real_outputs - first < ck_lanes ? job->layer->real_outputs - first : ck_lanes;
  for (int32_t i = 0; i < real; i++) {
    float sum[ck_lanes] = {};
    for (int32_t part = 0; part < job->parts; part++) {
      const float *sums = job->weight_sums + (part * (ptrdiff_t)inputs + i) * channels + first;
      for (int c = 0; c < ck_lanes; c++) sum[c] += sums[c];
    }
    for (int32_t o = 0; o < outputs; o++) job->gradient[(ptrdiff_t)(first + o) * real + i] += sum[o];
  }
}

// MARK: whole batches

static ptrdiff_t rounded(ptrdiff_t count) { return (count + 31) / 32 * 32; }

static void lay_out(job *job, int32_t inputs, int32_t gradients) {
  // Enough for both forms of bfloat16 too, of which one has an even number of pixels.
  job->in_size = rounded(((ptrdiff_t)job->most_pixels + 1) * inputs);
  job->gradient_size = rounded(((ptrdiff_t)job->most_pixels + 1) * gradients);
  job->thread_size = job->in_size + job->gradient_size + rounded((ptrdiff_t)job->most_pixels * job->level->block);
}

ptrdiff_t ck_pointwise_scratch(const ck_training *level, ck_extent extent, int32_t inputs, int32_t threads) {
  ck_pointwise layer = {.extent = extent, .inputs = inputs};
  job forward = {.level = level, .layer = &layer}, backward = forward;
  divide(&forward, inputs);
  lay_out(&forward, inputs, 0);
  divide(&backward, inputs + extent.channels);
  lay_out(&backward, inputs, extent.channels);
  const ptrdiff_t sums = backward.parts * ((ptrdiff_t)inputs + 1) * extent.channels;
  const ptrdiff_t there = threads * forward.thread_size, back = threads * backward.thread_size + sums;
  return there > back ? there : back;
}

void ck_pointwise_forward(
    const ck_training *level, ck_pool *pool, const ck_pointwise *layer, const void *weights, float *moments) {
  job job = {.level = level, .layer = layer, .weights = weights, .scratch = layer->scratch, .moments = moments};
  divide(&job, layer->inputs);
  lay_out(&job, layer->inputs, 0);
  ck_pool_run(pool, forward_part, &job, job.parts);
}

void ck_pointwise_backward(
    const ck_training *level, ck_pool *pool, const ck_pointwise *layer, const ck_output_gradient *out_gradient,
    const void *weights, const ck_input_gradient *in_gradient, float *weights_gradient, float *bias_gradient) {
  job job = {
    .level = level, .layer = layer, .out_gradient = out_gradient, .in_gradient = in_gradient, .weights = weights,
    .scratch = layer->scratch, .gradient = weights_gradient,
  };
  const int32_t channels = layer->extent.channels;
  divide(&job, layer->inputs + channels);
  lay_out(&job, layer->inputs, channels);
  job.weight_sums = layer->scratch + ck_pool_threads(pool) * job.thread_size;
  if (bias_gradient) job.bias_sums = job.weight_sums + job.parts * (ptrdiff_t)layer->inputs * channels;
  ck_pool_run(pool, backward_part, &job, job.parts);
  ck_pool_run(pool, add_weights, &job, (layer->real_outputs + ck_lanes - 1) / ck_lanes);
  for (int32_t c = 0; bias_gradient && c < layer->real_outputs; c++) {
    double sum = 0;
    for (int32_t part = 0; part < job.parts; part++) sum += job.bias_sums[part * channels + c];
    bias_gradient[c] += (float)sum;
  }
}
