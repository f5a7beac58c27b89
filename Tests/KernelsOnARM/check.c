// Whether NEON's kernels compute what the reference computes, on random layers: for an emulated processor, where the other tests do
// not run. Prints every layer that does not, and how many were tried.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

static int tried, failed;

static void report(const char *what, double error, double bound) {
  tried++;
  if (error <= bound) return;
  failed++;
  printf("%s: off by %g\n", what, error);
}

// No number is the largest error of all.
static double larger(double error, double difference) { return difference <= error ? error : isnan(difference) ? INFINITY : difference; }

static uint32_t state = 1;
static uint32_t noise(void) { return (state = state * 1664525u + 1013904223u) >> 8; }
static float number(void) { return (float)(noise() % 20001) / 10000 - 1; }

// Never freed: the process ends soon.
static float *numbers(size_t count) {
  float *values = malloc(count * sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = number();
  return values;
}

typedef struct {
  int32_t height, width, inputs, outputs, kernel, stride, dilation;
  ck_activation activation;
  // 0, or the stride of a depthwise part, whose dilation is the layer's.
  int32_t depthwise;
  bool has_residual, is_winograd, gives_floats;
} shape;

static const shape shapes[] = {
  {2, 1, 3, 48, 1, 1, 1, ck_activation_none}, {2, 4, 16, 16, 1, 1, 1, ck_activation_relu},
  {2, 5, 17, 32, 1, 1, 1, ck_activation_elu}, {3, 6, 32, 80, 1, 1, 1, ck_activation_none, .has_residual = true},
  {3, 29, 64, 48, 1, 1, 1, ck_activation_relu, .gives_floats = true}, {4, 15, 4, 16, 3, 2, 1, ck_activation_relu},
  {6, 13, 32, 48, 3, 1, 1, ck_activation_elu, .has_residual = true}, {7, 9, 16, 80, 3, 1, 2, ck_activation_relu},
  {5, 13, 48, 32, 1, 1, 1, ck_activation_elu, .depthwise = 1}, {6, 12, 80, 16, 1, 1, 2, ck_activation_relu, .depthwise = 1},
  {4, 7, 16, 32, 1, 1, 1, ck_activation_relu, .depthwise = 2}, {1, 1, 48, 80, 3, 1, 1, ck_activation_relu, .is_winograd = true},
  {9, 8, 48, 32, 3, 1, 1, ck_activation_elu, .has_residual = true, .is_winograd = true},
  {7, 19, 16, 80, 3, 1, 2, ck_activation_relu, .has_residual = true, .is_winograd = true},
};

enum { around = 5 };

static const char *name_of(const char *version, const shape *s) {
  static char text[200];
  snprintf(
      text, sizeof text, "%s: %dx%d %d->%d kernel %d stride %d dilation %d activation %d depthwise %d%s%s", version, s->height,
      s->width, s->inputs, s->outputs, s->kernel, s->stride, s->dilation, s->activation, s->depthwise,
      s->has_residual ? " residual" : "", s->is_winograd ? " Winograd" : "");
  return text;
}

// MARK: floats

static void pack(const shape *s, const float *weights, const ck_kernels *kernels, float *packed) {
  const int32_t taps = s->kernel * s->kernel;
  for (int32_t o = 0; o < s->outputs; o++) {
    const int32_t first = o / kernels->block * kernels->block;
    const int32_t block = s->outputs - first < kernels->block ? s->outputs - first : kernels->block;
    for (int32_t t = 0; t < taps; t++)
      for (int32_t i = 0; i < s->inputs; i++)
        packed[(first * taps + t * block) * s->inputs + i * block + o - first] = weights[(o * s->inputs + i) * taps + t];
  }
}

static void check_floats(const shape *s, ck_pool *pool) {
  const int32_t step = s->depthwise ? s->depthwise : s->stride, taps = s->kernel * s->kernel;
  const int32_t row = ((s->width - 1) * step + 1 + 2 * around) * s->inputs, rows = (s->height - 1) * step + 1 + 2 * around;
  const int32_t out_row = (s->width + 2) * s->outputs;
  const size_t count = (size_t)(s->height + 2) * (size_t)out_row;
  const ck_kernels *versions[2] = {ck_kernels_for(ck_level_scalar), ck_kernels_for(ck_level_neon)};
  float *in = numbers((size_t)rows * (size_t)row), *residual = numbers(count), *bias = numbers((size_t)s->outputs);
  float *weights = numbers((size_t)(s->outputs * s->inputs * taps)), *outs[2], ones[256];
  float *depthwise = numbers((size_t)s->inputs * 9), *depthwise_bias = numbers((size_t)s->inputs);
  for (int i = 0; i < 256; i++) ones[i] = 1;
  for (int v = 0; v < 2; v++) {
    outs[v] = numbers(count);
    float *packed = calloc((size_t)(s->outputs * s->inputs * 36), sizeof(float));
    ck_convolution layer = {
      .in = {in + around * (row + s->inputs), row, s->inputs}, .out = {outs[v] + out_row + s->outputs, out_row, s->outputs},
      .height = s->height, .width = s->width, .stride = s->depthwise ? 1 : s->stride, .taps = taps, .depth = s->inputs,
      .channels = s->outputs, .weights = packed, .bias = bias, .activation = s->activation, .margin = 1, .rows_per_task = 2,
      .scratch_size = 1 << 20, .scratch = malloc((size_t)2 << 22),
    };
    if (s->has_residual) layer.residual = (ck_view){residual + out_row + s->outputs, out_row, s->outputs};
    if (s->kernel == 3)
      for (int t = 0; t < 9; t++) layer.tap_offset[t] = ((t / 3 - 1) * row + (t % 3 - 1) * s->inputs) * s->dilation;
    if (s->depthwise)
      layer.depthwise = (ck_depthwise){depthwise, depthwise_bias, s->inputs, s->depthwise, s->dilation, ck_activation_elu};
    if (s->is_winograd && v == 1) {
      layer.winograd = s->dilation;
      ck_winograd_weights(weights, ones, s->inputs, s->outputs, s->outputs, s->inputs, versions[v]->block, false, packed);
    } else
      pack(s, weights, versions[v], packed);
    ck_convolve(versions[v], pool, &layer);
  }
  double error = 0;
  // Corners and sides are margin, which both set to zero.
  for (size_t i = 0; i < count; i++)
    error = larger(error, fabs((double)outs[0][i] - (double)outs[1][i]));
  report(name_of("floats", s), error, 1e-5 * sqrt(s->inputs * taps) * (s->is_winograd ? 4 : 1));
}

// MARK: bytes

static void check_bytes(const shape *s, const ck_q8_kernels *kernels, ck_pool *pool) {
  const int32_t step = s->depthwise ? s->depthwise : s->stride, taps = s->kernel * s->kernel;
  const int32_t row = ((s->width - 1) * step + 1 + 2 * around) * s->inputs, rows = (s->height - 1) * step + 1 + 2 * around;
  const int32_t out_row = (s->width + 2) * s->outputs;
  const size_t count = (size_t)(s->height + 2) * (size_t)out_row, weight_count = (size_t)(s->outputs * s->inputs * taps);
  const ck_q8_kernels *versions[2] = {ck_q8_kernels_for(ck_level_scalar), kernels};
  uint8_t *in = malloc((size_t)rows * (size_t)row + 64), *residual = malloc(count), *outs[2];
  // [outputs][taps][inputs]
  int8_t *weights = malloc(weight_count), depthwise[256 * 9];
  float *floats[2], scale[256], bias[256], factor[256], depthwise_scale[256], depthwise_bias[256];
  for (int32_t i = 0; i < rows * row; i++) in[i] = (uint8_t)noise();
  for (size_t i = 0; i < count; i++) residual[i] = (uint8_t)noise();
  // -128 too: another program's weights may have it.
  for (size_t i = 0; i < weight_count; i++) weights[i] = (int8_t)noise();
  for (int i = 0; i < 256 * 9; i++) depthwise[i] = (int8_t)noise();
  for (int i = 0; i < 256; i++) {
    scale[i] = (0.75f + number() / 4) * 0.02f / sqrtf((float)(s->inputs * taps));
    bias[i] = 60 * number();
    factor[i] = 0.3f + number() / 10;
    depthwise_scale[i] = 0.002f + number() / 1000;
    depthwise_bias[i] = 50 * number();
  }
  for (int v = 0; v < 2; v++) {
    outs[v] = calloc(count, 1);
    floats[v] = calloc(count, sizeof(float));
    void *packed = malloc((size_t)ck_q8_weights_size(versions[v], s->outputs, taps, s->inputs, false));
    float packed_scale[512], packed_bias[512];
    ck_q8_pack_weights(versions[v], weights, s->outputs, taps, s->inputs, false, packed);
    ck_q8_convolution layer = {
      .in = {in + around * (row + s->inputs), row, s->inputs}, .height = s->height, .width = s->width,
      .stride = s->depthwise ? 1 : s->stride, .taps = taps, .depth = s->inputs, .channels = s->outputs, .weights = packed,
      .finish = {scale, bias, s->activation, s->activation == ck_activation_elu ? 3 : 1, 40}, .margin = 1, .rows_per_task = 2,
      .scratch_size = 1 << 20, .scratch = malloc((size_t)2 << 20),
    };
    if (s->gives_floats) layer.floats = (ck_view){floats[v], s->width * s->outputs, s->outputs};
    else layer.out = (ck_bytes){outs[v] + out_row + s->outputs, out_row, s->outputs};
    if (s->has_residual) {
      layer.residual = (ck_bytes){residual + out_row + s->outputs, out_row, s->outputs};
      layer.residual_zero = 9;
      layer.residual_factor = factor;
    }
    if (s->kernel == 3)
      for (int t = 0; t < 9; t++) layer.tap_offset[t] = ((t / 3 - 1) * row + (t % 3 - 1) * s->inputs) * s->dilation;
    if (s->depthwise) {
      void *packed_depthwise = malloc((size_t)ck_q8_depthwise_size(versions[v], s->inputs));
      ck_q8_pack_depthwise(versions[v], depthwise, s->inputs, packed_depthwise);
      ck_q8_pack_channels(versions[v], depthwise_scale, s->inputs, packed_scale);
      ck_q8_pack_channels(versions[v], depthwise_bias, s->inputs, packed_bias);
      layer.depthwise = (ck_q8_depthwise){
        packed_depthwise, {packed_scale, packed_bias, ck_activation_relu, 1, 31}, s->inputs == 80 ? 255 : ck_q8_most_of_7_bits, s->inputs, s->depthwise, s->dilation};
    }
    ck_q8_convolve(versions[v], pool, &layer);
  }
  double error = 0;
  for (size_t i = 0; i < count; i++)
    error = larger(error, s->gives_floats ? fabs((double)floats[0][i] - (double)floats[1][i]) : abs(outs[0][i] - outs[1][i]));
  // An ELU's exponential is approximated, and may be rounded the other way.
  report(name_of(kernels->name, s), error, s->activation == ck_activation_elu ? 1 : s->gives_floats ? 1e-4 : 0);
}

static void check_quantizing(const ck_q8_kernels *kernels) {
  float in[48], factor[48];
  uint8_t out[2][48];
  for (int i = 0; i < 48; i++) {
    in[i] = 2 * number();
    factor[i] = 200 * number();
  }
  // Halves go to the even one; what is no byte is cut off.
  const float special[] = {0.5f, 1.5f, 2.5f, -0.5f, 1e30f, -1e30f, 255.5f, 254.5f};
  for (int i = 0; i < 8; i++) {
    in[i] = special[i];
    factor[i] = 1;
  }
  ck_q8_kernels_for(ck_level_scalar)->quantize(in, 48, factor, 0, out[0]);
  kernels->quantize(in, 48, factor, 0, out[1]);
  report("quantizing", memcmp(out[0], out[1], 48) != 0, 0);
}

int main(void) {
  ck_pool *pool = ck_pool_create(2);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    check_floats(&shapes[i], pool);
    if (shapes[i].inputs % 4) continue;
    for (int32_t v = 1; ck_q8_version(v); v++) check_bytes(&shapes[i], ck_q8_version(v), pool);
  }
  for (int32_t v = 1; ck_q8_version(v); v++) {
    check_quantizing(ck_q8_version(v));
    report(ck_q8_version(v)->name, !ck_q8_kernels_are_right(ck_q8_version(v)), 0);
  }
  ck_pool_destroy(pool);
  printf("%s: %d tried, %d failed\n", ck_processor_features(), tried, failed);
  return failed != 0;
}
