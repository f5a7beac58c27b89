// What training does to rows of pixels, written once for any register width; see training_rows.h.

#include "vector.h"
#define UNROLL _Pragma("clang loop unroll(full)")

static void depthwise(
    int32_t width, int32_t channels, int32_t stride, const float *const rows[3], ptrdiff_t pixel, ptrdiff_t side,
    const float *weights, ck_activation activation, float *out) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    vector w[9];
    UNROLL for (int k = 0; k < 9; k++) w[k] = load(weights + k * channels + c);
    for (int32_t x = 0; x < width; x++) {
      vector sum[3];
      UNROLL for (int k = 0; k < 3; k++) {
        const float *p = rows[k] + x * stride * pixel + c;
        sum[k] = load(p - side) * w[3 * k];
        sum[k] += load(p) * w[3 * k + 1];
        sum[k] += load(p + side) * w[3 * k + 2];
      }
      store(out + x * (ptrdiff_t)channels + c, activate(activation, sum[0] + sum[1] + sum[2]));
    }
  }
}

static inline __attribute__((always_inline)) void gather_places(
    int32_t pixels, int32_t channels, int taps, const float *const places[9], ptrdiff_t place_step,
    const float *const weights[9], bool adds, float *out, ptrdiff_t out_step) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    vector w[9];
    UNROLL for (int t = 0; t < taps; t++) w[t] = load(weights[t] + c);
    for (int32_t x = 0; x < pixels; x++) {
      vector sum[3] = {adds ? load(out + x * out_step + c) : all(0), {}, {}};
      UNROLL for (int t = 0; t < taps; t++) sum[t % 3] += load(places[t] + x * place_step + c) * w[t];
      store(out + x * out_step + c, sum[0] + sum[1] + sum[2]);
    }
  }
}

static void gather(
    int32_t pixels, int32_t channels, int32_t taps, const float *const places[9], ptrdiff_t place_step,
    const float *const weights[9], bool adds, float *out, ptrdiff_t out_step) {
  switch (taps) {
  case 1: gather_places(pixels, channels, 1, places, place_step, weights, adds, out, out_step); break;
  case 2: gather_places(pixels, channels, 2, places, place_step, weights, adds, out, out_step); break;
  case 4: gather_places(pixels, channels, 4, places, place_step, weights, adds, out, out_step); break;
  case 9: gather_places(pixels, channels, 9, places, place_step, weights, adds, out, out_step); break;
  default:
    // Other strides than 1 and 2: place by place.
    for (int32_t t = 0; t < taps; t++)
      gather_places(pixels, channels, 1, places + t, place_step, weights + t, adds || t > 0, out, out_step);
  }
}

static void depthwise_weights(
    int32_t width, int32_t channels, const float *const rows[3], ptrdiff_t pixel, ptrdiff_t side, const float *gradient,
    ptrdiff_t gradient_pixel, float *sums) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    vector sum[9];
    UNROLL for (int k = 0; k < 9; k++) sum[k] = load(sums + k * channels + c);
    for (int32_t x = 0; x < width; x++) {
      const vector g = load(gradient + x * gradient_pixel + c);
      UNROLL for (int k = 0; k < 9; k++) sum[k] += load(rows[k / 3] + x * pixel + (k % 3 - 1) * side + c) * g;
    }
    UNROLL for (int k = 0; k < 9; k++) store(sums + k * channels + c, sum[k]);
  }
}

// `inputs` x `registers` sums; both are constants where this is inlined.
static inline __attribute__((always_inline)) void outer_tile(
    int32_t height, int32_t width, ck_rows in, int inputs, ck_rows gradient, int registers, float *sums, ptrdiff_t step) {
  vector sum[TILE][2];
  UNROLL for (int i = 0; i < inputs; i++)
    UNROLL for (int r = 0; r < registers; r++) sum[i][r] = load(sums + i * step + r * LANES);
  for (int32_t y = 0; y < height; y++) {
    const float *value = in.base + y * in.row, *g = gradient.base + y * gradient.row;
    _Pragma("clang loop unroll(disable)") for (int32_t x = 0; x < width; x++) {
      vector v[2];
      UNROLL for (int r = 0; r < registers; r++) v[r] = load(g + r * LANES);
      UNROLL for (int i = 0; i < inputs; i++) {
        const vector a = all(value[i]);
        UNROLL for (int r = 0; r < registers; r++) sum[i][r] += a * v[r];
      }
      value += in.pixel;
      g += gradient.pixel;
    }
  }
  UNROLL for (int i = 0; i < inputs; i++)
    UNROLL for (int r = 0; r < registers; r++) store(sums + i * step + r * LANES, sum[i][r]);
}

#define CASE(n) \
  case n: \
    if (two) outer_tile(height, width, in, n, gradient, 2, sums, step); \
    else outer_tile(height, width, in, n, gradient, 1, sums, step); \
    break;

static void outer_of(
    int32_t height, int32_t width, ck_rows in, int32_t inputs, ck_rows gradient, bool two, float *sums, ptrdiff_t step) {
  switch (inputs) { TILE_CASES }
}

static void outer(
    int32_t height, int32_t width, ck_rows in, int32_t inputs, ck_rows gradient, int32_t outputs, float *sums,
    ptrdiff_t step) {
  // Tiles of nearly equal size: a narrow last one would wait for its own sums.
  const int32_t tiles = (inputs + TILE - 1) / TILE;
  for (int32_t o = 0; o < outputs; o += 2 * LANES)
    for (int32_t i = 0; i < tiles; i++) {
      const int32_t first = inputs * i / tiles, end = inputs * (i + 1) / tiles;
      outer_of(
          height, width, (ck_rows){in.base + first, in.row, in.pixel}, end - first,
          (ck_rows){gradient.base + o, gradient.row, gradient.pixel}, outputs - o > LANES, sums + first * step + o, step);
    }
}

// G v: three values of a kernel to six points; see winograd.c.
static inline __attribute__((always_inline)) void kernel_points(const vector v[3], vector points[6]) {
  const vector even = (v[0] + v[2]) * (-1.0f / 6), odd = v[1] * (-1.0f / 6);
  const vector far = v[0] * (1.0f / 24) + v[2] * (1.0f / 6), middle = v[1] * (1.0f / 12);
  points[0] = v[0] * 0.25f;
  points[1] = even + odd;
  points[2] = even - odd;
  points[3] = far + middle;
  points[4] = far - middle;
  points[5] = v[2];
}

static void winograd_kernels(const float kernels[9][32], int32_t lanes, float *points, ptrdiff_t step) {
  for (int32_t c = 0; c < lanes; c += LANES) {
    vector half[3][6];
    UNROLL for (int x = 0; x < 3; x++) {
      const vector column[3] = {load(kernels[x] + c), load(kernels[3 + x] + c), load(kernels[6 + x] + c)};
      kernel_points(column, half[x]);
    }
    UNROLL for (int i = 0; i < 6; i++) {
      const vector row[3] = {half[0][i], half[1][i], half[2][i]};
      vector all_points[6];
      kernel_points(row, all_points);
      UNROLL for (int j = 0; j < 6; j++) store(points + (i * 6 + j) * step + c, all_points[j]);
    }
  }
}

// A v: the gradients of four outputs to six points; the transpose of what makes outputs of points.
static inline __attribute__((always_inline)) void gradient_points(const vector v[4], vector points[6]) {
  const vector even = v[0] + v[2], odd = v[1] + v[3], far = v[0] + v[2] * 4.0f, middle = v[1] * 2.0f + v[3] * 8.0f;
  points[0] = v[0];
  points[1] = even + odd;
  points[2] = even - odd;
  points[3] = far + middle;
  points[4] = far - middle;
  points[5] = v[3];
}

static void winograd_gradient(
    const float *tile, ptrdiff_t row, ptrdiff_t pixel, int32_t rows, int32_t columns, int32_t channels, float *points,
    ptrdiff_t step) {
  for (int32_t c = 0; c < channels; c += LANES) {
    vector half[4][6];
    UNROLL for (int i = 0; i < 4; i++) {
      vector v[4];
      UNROLL for (int j = 0; j < 4; j++) v[j] = i < rows && j < columns ? load(tile + i * row + j * pixel + c) : all(0);
      gradient_points(v, half[i]);
    }
    UNROLL for (int j = 0; j < 6; j++) {
      const vector column[4] = {half[0][j], half[1][j], half[2][j], half[3][j]};
      vector all_points[6];
      gradient_points(column, all_points);
      UNROLL for (int i = 0; i < 6; i++) store(points + (i * 6 + j) * step + c, all_points[i]);
    }
  }
}

// G^T v: the gradients of six points to those of three values of a kernel.
static inline __attribute__((always_inline)) void from_kernel_points(const vector v[6], vector kernel[3]) {
  const vector near = (v[1] + v[2]) * (1.0f / 6), far = v[3] + v[4];
  kernel[0] = v[0] * 0.25f - near + far * (1.0f / 24);
  kernel[1] = (v[2] - v[1]) * (1.0f / 6) + (v[3] - v[4]) * (1.0f / 12);
  kernel[2] = far * (1.0f / 6) - near + v[5];
}

static void winograd_kernel_gradient(
    int32_t channels, const float *points, ptrdiff_t step, float *kernel, ptrdiff_t place) {
  for (int32_t c = 0; c < channels; c += LANES) {
    vector half[6][3];
    UNROLL for (int i = 0; i < 6; i++) {
      vector row[6];
      UNROLL for (int j = 0; j < 6; j++) row[j] = load(points + (i * 6 + j) * step + c);
      from_kernel_points(row, half[i]);
    }
    UNROLL for (int x = 0; x < 3; x++) {
      const vector column[6] = {half[0][x], half[1][x], half[2][x], half[3][x], half[4][x], half[5][x]};
      vector values[3];
      from_kernel_points(column, values);
      UNROLL for (int y = 0; y < 3; y++) store(kernel + (y * 3 + x) * place + c, values[y]);
    }
  }
}

static void moments(int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, float *mean, float *square) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    vector sum[2] = {};
    for (int32_t x = 0; x < width; x++) sum[x & 1] += load(in + x * pixel + c);
    const vector m = (sum[0] + sum[1]) / (float)width;
    sum[0] = sum[1] = all(0);
    for (int32_t x = 0; x < width; x++) {
      const vector d = load(in + x * pixel + c) - m;
      sum[x & 1] += d * d;
    }
    store(mean + c, m);
    store(square + c, sum[0] + sum[1]);
  }
}

static void scale_shift(
    int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, const float *scale, const float *shift,
    ck_activation activation, float *out, ptrdiff_t out_pixel) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    const vector a = load(scale + c), b = load(shift + c);
    for (int32_t x = 0; x < width; x++)
      store(out + x * out_pixel + c, activate(activation, load(in + x * pixel + c) * a + b));
  }
}

// The gradient where the normalised value passed the activation.
static inline vector passed(ck_activation activation, vector value, vector gradient) {
  return activation == ck_activation_relu ? (value > all(0) ? gradient : all(0)) : gradient;
}

static void norm_sums(
    int32_t width, int32_t channels, const float *in, ptrdiff_t pixel, const float *mean, const float *scale,
    const float *shift, ck_activation activation, const float *gradient, ptrdiff_t gradient_pixel, float *sums) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    const vector m = load(mean + c), a = load(scale + c), b = load(shift + c);
    vector plain = load(sums + c), centred = load(sums + channels + c);
    for (int32_t x = 0; x < width; x++) {
      const vector value = load(in + x * pixel + c);
      const vector g = passed(activation, value * a + b, load(gradient + x * gradient_pixel + c));
      plain += g;
      centred += g * (value - m);
    }
    store(sums + c, plain);
    store(sums + channels + c, centred);
  }
}

static void norm_backward(
    int32_t width, int32_t channels, float *in, ptrdiff_t pixel, const float *scale, const float *shift,
    const float *slope, const float *offset, ck_activation activation, const float *gradient, ptrdiff_t gradient_pixel) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    const vector a = load(scale + c), b = load(shift + c), s = load(slope + c), o = load(offset + c);
    for (int32_t x = 0; x < width; x++) {
      const vector value = load(in + x * pixel + c);
      const vector g = passed(activation, value * a + b, load(gradient + x * gradient_pixel + c));
      store(in + x * pixel + c, g * a + value * s + o);
    }
  }
}

static void activation_backward(
    int32_t width, int32_t channels, const float *out, ptrdiff_t pixel, ck_activation activation, float *gradient,
    ptrdiff_t gradient_pixel, float *sums) {
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    vector sum = load(sums + c);
    for (int32_t x = 0; x < width; x++) {
      vector g = load(gradient + x * gradient_pixel + c);
      if (activation != ck_activation_none) {
        const vector value = load(out + x * pixel + c);
        const vector below = activation == ck_activation_elu ? g * (value + 1.0f) : all(0);
        g = value > all(0) ? g : below;
        store(gradient + x * gradient_pixel + c, g);
      }
      sum += g;
    }
    store(sums + c, sum);
  }
}

static void add(
    int32_t width, int32_t channels, const float *a, ptrdiff_t a_pixel, const float *b, ptrdiff_t b_pixel,
    ck_activation activation, float *out, ptrdiff_t out_pixel) {
  for (int32_t x = 0; x < width; x++)
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
      vector v = load(a + x * a_pixel + c);
      if (b) v += load(b + x * b_pixel + c);
      store(out + x * out_pixel + c, activate(activation, v));
    }
}

#define TRAINING_TABLE \
  { depthwise, gather, depthwise_weights, outer, winograd_kernels, winograd_gradient, winograd_kernel_gradient, moments, scale_shift, norm_sums, norm_backward, activation_backward, add }
