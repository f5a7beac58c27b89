// Winograd's transforms of bytes, 2 * LANES numbers of 16 bits at once on the way in, LANES sums on the way out; see
// quantized_winograd.c. Included after quantized_vector.h.

typedef int16_t words __attribute__((ext_vector_type(2 * LANES)));
typedef int16_t loose_words __attribute__((ext_vector_type(2 * LANES), aligned(2)));
typedef uint8_t loose_bytes __attribute__((ext_vector_type(2 * LANES), aligned(1)));

static inline words read(const uint8_t *p) { return __builtin_convertvector(*(const loose_bytes *)p, words); }

// B^T v: six values of the input to six points.
static inline __attribute__((always_inline)) void to_points(words v[6]) {
  const words a = v[4] - (v[2] << 2), b = v[3] - (v[1] << 2), c = v[4] - v[2], d = (v[3] - v[1]) << 1;
  v[0] = ((v[0] - v[2]) << 2) + c;
  v[5] = v[5] - v[3] - (d << 1);
  v[1] = a + b;
  v[2] = a - b;
  v[3] = c + d;
  v[4] = c - d;
}

// A^T v: six points to four values of the output; with the fractions that the weights' whole numbers lack.
static inline __attribute__((always_inline)) void from_points(vector v[6]) {
  const float near = -1.0f / 6, far = 1.0f / 24;
  const vector a = (v[1] + v[2]) * near, b = (v[1] - v[2]) * near, c = (v[3] + v[4]) * far, d = (v[3] - v[4]) * far;
  v[0] = v[0] * 0.25f + a + c;
  v[1] = d * 2.0f + b;
  v[2] = c * 4.0f + a;
  v[3] = d * 8.0f + b + v[5];
}

static void winograd_in(const ck_q8_convolution *layer, int32_t y, int32_t x, int16_t *points, ptrdiff_t step) {
  const int32_t dilation = layer->winograd;
  // Beyond the margin around the picture there may be no memory; what is computed from there is thrown away.
  const int32_t below = (layer->height - 1 - y) / dilation + 3, right = (layer->width - 1 - x) / dilation + 3;
  const int32_t rows = below < 6 ? below : 6, columns = right < 6 ? right : 6;
  const ptrdiff_t row = layer->in.row * dilation, pixel = layer->in.pixel * dilation;
  const uint8_t *corner = layer->in.base + y * layer->in.row + x * layer->in.pixel - row - pixel;
  for (int32_t c = 0; c < layer->depth; c += 2 * LANES) {
    words v[6][6], column[6];
#pragma clang loop unroll(full)
    for (int i = 0; i < 6; i++) {
#pragma clang loop unroll(full)
      for (int j = 0; j < 6; j++) v[i][j] = i < rows && j < columns ? read(corner + i * row + j * pixel + c) : (words)0;
      to_points(v[i]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 6; j++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) column[i] = v[i][j];
      to_points(column);
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) *(loose_words *)(points + (i * 6 + j) * step + c) = column[i];
    }
  }
}

static inline __attribute__((always_inline)) void product_tile(
    const int16_t *in, int32_t depth, const int16_t *weights, int32_t *out, int pixels, int registers) {
  static const ptrdiff_t here = 0;
  integers sum[TILE][2];
  add_up(sum, (const integers[2]){}, in, &here, 1, depth, depth, weights, pixels, registers);
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++) *(loose_integers *)(void *)(out + (2 * p + r) * LANES) = sum[p][r];
}

#undef CASE
#define CASE(n) \
  case n: product_tile(in, depth, weights, out, n, registers); break;

static inline __attribute__((always_inline)) void product_tile_of(
    const int16_t *in, int32_t depth, const int16_t *weights, int32_t *out, int pixels, int registers) {
  switch (pixels) { TILE_CASES }
}

static void winograd_products(
    const int16_t *in, int32_t tiles, int32_t depth, const int16_t *weights, int32_t channels, int32_t *out) {
  const int32_t parts = (tiles + TILE - 1) / TILE;
  for (int32_t i = 0; i < parts; i++) {
    const int32_t first = tiles * i / parts, pixels = tiles * (i + 1) / parts - first;
    const int16_t *from = in + (ptrdiff_t)first * depth;
    int32_t *to = out + (ptrdiff_t)first * 2 * LANES;
    if (channels == 2 * LANES) product_tile_of(from, depth, weights, to, pixels, 2);
    else product_tile_of(from, depth, weights, to, pixels, 1);
  }
}

static inline vector sums(const int32_t *p) {
  return __builtin_convertvector((signed_lanes)*(const loose_integers *)(const void *)p, vector);
}

static void winograd_out(
    const ck_q8_convolution *layer, int32_t y, int32_t x, int32_t first, int32_t channels, const int32_t *points,
    ptrdiff_t step) {
  const int32_t dilation = layer->winograd;
  for (int32_t c = 0; c < channels; c += LANES) {
    vector v[4][6], column[6];
#pragma clang loop unroll(full)
    for (int j = 0; j < 6; j++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) column[i] = sums(points + (i * 6 + j) * step + c);
      from_points(column);
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) v[i][j] = column[i];
    }
    const vector scale = load(layer->finish.scale + first + c), bias = load(layer->finish.bias + first + c);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      const int32_t row = y + i * dilation;
      if (row >= layer->height) break;
      from_points(v[i]);
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) {
        const int32_t pixel = x + j * dilation;
        if (pixel >= layer->width) break;
        put(layer, activated(&layer->finish, v[i][j] * scale + bias), row, pixel, first + c);
      }
    }
  }
}
