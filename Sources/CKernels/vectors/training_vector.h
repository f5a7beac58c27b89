// What training does to runs of pixels, written once for any register width; see training_rows.h.

#include "vector.h"
#define UNROLL _Pragma("clang loop unroll(full)")

enum { vectors = ck_lanes / LANES };

typedef uint16_t halves __attribute__((ext_vector_type(LANES), aligned(2)));
typedef uint32_t words __attribute__((ext_vector_type(LANES)));

static inline void *address(const void *base, ptrdiff_t place, bool is_bf16) {
  return (char *)base + place * (is_bf16 ? 2 : 4);
}

// bfloat16 is the upper half of a float.
static inline vector load_number(const void *base, ptrdiff_t place, bool is_bf16) {
  if (!is_bf16) return load((const float *)base + place);
  const halves h = *(const halves *)((const uint16_t *)base + place);
  return (vector)(__builtin_convertvector(h, words) << 16);
}

// Rounded to the nearest, to even between two, in the upper half.
static inline words rounded_bits(vector v) {
  const words bits = (words)v;
  return bits + 0x7FFF + (bits >> 16 & 1);
}

static inline void store_number(void *base, ptrdiff_t place, bool is_bf16, vector v) {
  if (!is_bf16) {
    store((float *)base + place, v);
    return;
  }
  *(halves *)((uint16_t *)base + place) = __builtin_convertvector(rounded_bits(v) >> 16, halves);
}

// Where this is inlined with a constant, loops have one kind of numbers in them.
#define EACH_KIND(is_bf16, ...) \
  if (is_bf16) { enum { kind = 1 }; __VA_ARGS__; } else { enum { kind = 0 }; __VA_ARGS__; }
#define EACH_ACTIVATION(given, ...) \
  switch (given) { \
  case ck_activation_none: { const ck_activation activation = ck_activation_none; __VA_ARGS__; break; } \
  case ck_activation_relu: { const ck_activation activation = ck_activation_relu; __VA_ARGS__; break; } \
  case ck_activation_elu: { const ck_activation activation = ck_activation_elu; __VA_ARGS__; break; } \
  }

// MARK: products

#include "training_products.h"

// MARK: on the way in and out

static inline vector derivative(ck_activation activation, vector value, vector gradient) {
  if (activation == ck_activation_none) return gradient;
  const vector below = activation == ck_activation_elu ? gradient * (value + 1.0f) : all(0);
  return value > all(0) ? gradient : below;
}

// Loops over pixels are inlined once for every kind of numbers and activation.
#define LOOP static inline __attribute__((always_inline)) void

LOOP stage_lanes(
    int32_t pixels, const void *in, ptrdiff_t step, bool is_bf16, bool is_scaled, vector a, vector b,
    ck_activation activation, float *out, ptrdiff_t out_pixel) {
  for (int32_t x = 0; x < pixels; x++) {
    const vector v = load_number(in, x * step, is_bf16);
    store(out + x * out_pixel, activate(activation, is_scaled ? v * a + b : v));
  }
}

static void stage(ck_run in, int32_t pixels, const ck_normal *normal, float *out, ptrdiff_t out_pixel) {
  for (int lane = 0; lane < ck_lanes; lane += LANES) {
    const void *place = address(in.base, lane, in.is_bf16);
    const vector zero = all(0);
    if (!normal->scale) {
      EACH_KIND(in.is_bf16, EACH_ACTIVATION(normal->activation, stage_lanes(
          pixels, place, in.pixel, kind, false, zero, zero, activation, out + lane, out_pixel)))
      continue;
    }
    const vector a = load(normal->scale + lane), b = load(normal->shift + lane);
    EACH_KIND(in.is_bf16, EACH_ACTIVATION(normal->activation, stage_lanes(
        pixels, place, in.pixel, kind, true, a, b, activation, out + lane, out_pixel)))
  }
}

LOOP slope_lanes(
    int32_t pixels, ck_run gradient, ck_run values, int lane, bool is_bf16, const ck_slope *slope, ck_activation activation,
    float *sums, float *out, ptrdiff_t out_pixel) {
  const void *from = address(gradient.base, lane, is_bf16), *value = address(values.base, lane, is_bf16);
  vector sum = all(0);
  if (slope->slope) {
    const vector a = load(slope->normal.scale + lane), b = load(slope->normal.shift + lane);
    const vector s = load(slope->slope + lane), o = load(slope->offset + lane);
    for (int32_t x = 0; x < pixels; x++) {
      const vector v = load_number(value, (ptrdiff_t)x * values.pixel, is_bf16);
      const vector g = load_number(from, (ptrdiff_t)x * gradient.pixel, is_bf16);
      const vector whole = derivative(activation, v * a + b, g) * a + (v * s + o);
      store(out + x * out_pixel + lane, whole);
      sum += whole;
    }
  } else
    for (int32_t x = 0; x < pixels; x++) {
      vector g = load_number(from, (ptrdiff_t)x * gradient.pixel, is_bf16);
      if (activation != ck_activation_none)
        g = derivative(activation, load_number(value, (ptrdiff_t)x * values.pixel, is_bf16), g);
      store(out + x * out_pixel + lane, g);
      sum += g;
    }
  if (sums) store(sums + lane, load(sums + lane) + sum);
}

static void slope(
    ck_run gradient, ck_run values, int32_t pixels, const ck_slope *slope, float *sums, float *out, ptrdiff_t out_pixel) {
  for (int lane = 0; lane < ck_lanes; lane += LANES)
    EACH_KIND(gradient.is_bf16, EACH_ACTIVATION(slope->normal.activation, slope_lanes(
        pixels, gradient, values, lane, kind, slope, activation, sums, out, out_pixel)))
}

LOOP keep_lanes(
    int32_t pixels, const float *in, vector bias, ck_activation activation, bool adds, void *out, ptrdiff_t step,
    bool is_bf16) {
  for (int32_t x = 0; x < pixels; x++) {
    vector v = activate(activation, load(in + x * ck_lanes) + bias);
    if (adds) v += load_number(out, x * step, is_bf16);
    store_number(out, x * step, is_bf16, v);
  }
}

// Past the caches, which pays where whole lines are written. What other threads do next begins with an atomic operation, which
// waits for these stores.
LOOP stream_lanes(int32_t pixels, const float *in, vector bias, ck_activation activation, void *out, bool is_bf16) {
  typedef uint16_t line __attribute__((ext_vector_type(2 * LANES)));
  int32_t x = 0;
  for (; is_bf16 && x + 2 <= pixels; x += 2, in += 2 * LANES) {
    const words first = rounded_bits(activate(activation, load(in) + bias));
    const words second = rounded_bits(activate(activation, load(in + LANES) + bias));
    line both;
    both.lo = __builtin_convertvector(first >> 16, halves);
    both.hi = __builtin_convertvector(second >> 16, halves);
    __builtin_nontemporal_store(both, (line *)((uint16_t *)out + x * LANES));
  }
  for (; x < pixels; x++, in += LANES) {
    const vector v = activate(activation, load(in) + bias);
    if (is_bf16) store_number(out, x * LANES, true, v);
    else __builtin_nontemporal_store(v, (vector *)((float *)out + x * LANES));
  }
}

static inline bool is_at_line(ck_run run) { return (uintptr_t)run.base % (ck_lanes * sizeof(float)) == 0; }

static void keep(ck_run out, int32_t pixels, const float *in, const float *bias, ck_activation activation, bool adds) {
  for (int lane = 0; lane < ck_lanes; lane += LANES) {
    const vector b = bias ? load(bias + lane) : all(0);
    void *place = address(out.base, lane, out.is_bf16);
    if (adds)
      EACH_KIND(out.is_bf16, keep_lanes(
          pixels, in + lane, b, ck_activation_none, true, place, out.pixel, kind))
    else if (out.is_streamed && LANES == ck_lanes && is_at_line(out))
      EACH_KIND(out.is_bf16, EACH_ACTIVATION(activation, stream_lanes(pixels, in, b, activation, place, kind)))
    else
      EACH_KIND(out.is_bf16, EACH_ACTIVATION(activation, keep_lanes(
          pixels, in + lane, b, activation, false, place, out.pixel, kind)))
  }
}

static void narrow(int32_t pixels, const float *in, uint16_t *out, uint16_t *pairs) {
  for (int lane = 0; lane < ck_lanes; lane += LANES)
    for (int32_t x = 0; x < pixels; x += 2) {
      const float *place = in + x * ck_lanes + lane;
      const words first = rounded_bits(load(place)) >> 16;
      const words second = x + 1 < pixels ? rounded_bits(load(place + ck_lanes)) & 0xFFFF0000 : (words)all(0);
      if (out) {
        *(halves *)(out + x * ck_lanes + lane) = __builtin_convertvector(first, halves);
        if (x + 1 < pixels) *(halves *)(out + (x + 1) * ck_lanes + lane) = __builtin_convertvector(second >> 16, halves);
      }
      if (pairs) store((float *)(void *)(pairs + x * ck_lanes + 2 * lane), (vector)(first | second));
    }
}

LOOP moments_lanes(int32_t pixels, const void *in, ptrdiff_t step, bool is_bf16, float *part, ptrdiff_t part_step) {
  vector sum[4] = {};
  int32_t x = 0;
  for (; x + 4 <= pixels; x += 4)
    UNROLL for (int i = 0; i < 4; i++) sum[i] += load_number(in, (x + i) * step, is_bf16);
  for (; x < pixels; x++) sum[0] += load_number(in, x * step, is_bf16);
  const vector m = (sum[0] + sum[1] + (sum[2] + sum[3])) / (float)pixels;
  UNROLL for (int i = 0; i < 4; i++) sum[i] = all(0);
  for (x = 0; x + 4 <= pixels; x += 4)
    UNROLL for (int i = 0; i < 4; i++) {
      const vector d = load_number(in, (x + i) * step, is_bf16) - m;
      sum[i] += d * d;
    }
  for (; x < pixels; x++) {
    const vector d = load_number(in, x * step, is_bf16) - m;
    sum[0] += d * d;
  }
  const vector square = sum[0] + sum[1] + (sum[2] + sum[3]);
  // As Chan, Golub and LeVeque join parts (1979).
  const vector before = load(part + 2 * part_step), all_pixels = before + (float)pixels, share = (float)pixels / all_pixels;
  const vector old = load(part), difference = m - old;
  store(part, old + difference * share);
  store(part + part_step, load(part + part_step) + square + difference * difference * before * share);
  store(part + 2 * part_step, all_pixels);
}

static void moments(ck_run in, int32_t pixels, float *part, ptrdiff_t step) {
  for (int lane = 0; lane < ck_lanes; lane += LANES)
    EACH_KIND(in.is_bf16, moments_lanes(
        pixels, address(in.base, lane, kind), in.pixel, kind, part + lane, step))
}

LOOP norm_sums_lanes(
    int32_t pixels, ck_run values, const float *mean, const ck_normal *normal, ck_run gradient, int lane, bool is_bf16,
    ck_activation activation, float *sums, ptrdiff_t step) {
  const void *place = address(values.base, lane, is_bf16);
  const float *from = (const float *)gradient.base + lane;
  const vector m = load(mean + lane), a = load(normal->scale + lane), b = load(normal->shift + lane);
  // Two chains of sums, for even and odd pixels.
  vector plain[2] = {load(sums + lane)}, centred[2] = {load(sums + step + lane)};
  for (int32_t x = 0; x < pixels; x += 2)
    UNROLL for (int i = 0; i < 2; i++) {
      if (x + i >= pixels) break;
      const vector value = load_number(place, (ptrdiff_t)(x + i) * values.pixel, is_bf16);
      const vector g = derivative(activation, value * a + b, load(from + (ptrdiff_t)(x + i) * gradient.pixel));
      plain[i] += g;
      centred[i] += g * (value - m);
    }
  store(sums + lane, plain[0] + plain[1]);
  store(sums + step + lane, centred[0] + centred[1]);
}

static void norm_sums(
    ck_run values, ck_run gradient, int32_t pixels, const float *mean, const ck_normal *normal, float *sums,
    ptrdiff_t step) {
  for (int lane = 0; lane < ck_lanes; lane += LANES)
    EACH_KIND(values.is_bf16, EACH_ACTIVATION(normal->activation, norm_sums_lanes(
        pixels, values, mean, normal, gradient, lane, kind, activation, sums, step)))
}

// MARK: depthwise convolution

static void depthwise(
    int32_t width, int32_t stride, const float *const rows[3], ptrdiff_t side, const float *weights, float *out) {
  const float *const row[3] = {rows[0], rows[1], rows[2]};
  for (int lane = 0; lane < ck_lanes; lane += LANES) {
    vector w[9];
    UNROLL for (int k = 0; k < 9; k++) w[k] = load(weights + k * ck_lanes + lane);
    for (int32_t x = 0; x < width; x++) {
      vector sum[3];
      UNROLL for (int k = 0; k < 3; k++) {
        const float *p = row[k] + x * stride * ck_lanes + lane;
        sum[k] = load(p - side) * w[3 * k];
        sum[k] += load(p) * w[3 * k + 1];
        sum[k] += load(p + side) * w[3 * k + 2];
      }
      store(out + x * ck_lanes + lane, sum[0] + sum[1] + sum[2]);
    }
  }
}

static inline __attribute__((always_inline)) void gather_places(
    int32_t pixels, int taps, const float *const places[9], const float *const weights[9], bool adds, float *out,
    int32_t stride) {
  for (int lane = 0; lane < ck_lanes; lane += LANES) {
    vector w[9];
    const float *place[9];
    UNROLL for (int t = 0; t < taps; t++) w[t] = load(weights[t] + lane), place[t] = places[t] + lane;
    for (int32_t x = 0; x < pixels; x++) {
      float *target = out + x * stride * ck_lanes + lane;
      vector sum[2] = {adds ? load(target) : all(0), {}};
      UNROLL for (int t = 0; t < taps; t++) sum[t % 2] += load(place[t] + x * ck_lanes) * w[t];
      store(target, sum[0] + sum[1]);
    }
  }
}

static void gather(
    int32_t pixels, int32_t taps, const float *const places[9], const float *const weights[9], float *out, int32_t stride) {
  switch (taps) {
  case 0: gather_places(pixels, 0, places, weights, false, out, stride); break;
  case 1: gather_places(pixels, 1, places, weights, false, out, stride); break;
  case 2: gather_places(pixels, 2, places, weights, false, out, stride); break;
  case 4: gather_places(pixels, 4, places, weights, false, out, stride); break;
  default:
    // Other strides than 1 and 2: place by place.
    for (int32_t t = 0; t < taps; t++) gather_places(pixels, 1, places + t, weights + t, t > 0, out, stride);
  }
}

static void depthwise_weights(
    int32_t width, int32_t stride, const float *const rows[3], ptrdiff_t side, const float *gradient, float *sums) {
  const float *const row[3] = {rows[0], rows[1], rows[2]};
  for (int lane = 0; lane < ck_lanes; lane += LANES) {
    vector sum[9];
    UNROLL for (int k = 0; k < 9; k++) sum[k] = load(sums + k * ck_lanes + lane);
    for (int32_t x = 0; x < width; x++) {
      const vector g = load(gradient + x * ck_lanes + lane);
      UNROLL for (int k = 0; k < 9; k++)
        sum[k] += load(row[k / 3] + x * stride * ck_lanes + (k % 3 - 1) * side + lane) * g;
    }
    UNROLL for (int k = 0; k < 9; k++) store(sums + k * ck_lanes + lane, sum[k]);
  }
}

#include "points_f32.h"
#include "training_winograd_vector.h"

#define TRAINING_TABLE \
  { BLOCK, product, outer, stage, slope, keep, narrow, moments, norm_sums, depthwise, gather, depthwise_weights, winograd_kernels, \
    winograd_gradient, winograd_kernel_gradient }
