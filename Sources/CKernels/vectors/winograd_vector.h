// Winograd's transforms on LANES channels at once; see winograd.c. Included after convolution_vector.h and what says how points
// are kept: `point`, `put_point`.
#include "../winograd_points.h"

// B^T v: six values of the input to six points.
static inline __attribute__((always_inline)) void to_points(vector v[6]) {
  const float both = NEAR2 * FAR2, sum = NEAR2 + FAR2;
  const vector a = v[4] - v[2] * (float)FAR2, b = v[3] - v[1] * (float)FAR2;
  const vector c = v[4] - v[2] * (float)NEAR2, d = v[3] - v[1] * (float)NEAR2;
  v[0] = v[0] * both - v[2] * sum + v[4];
  v[5] = v[1] * both - v[3] * sum + v[5];
  v[1] = a + b * (float)NEAR;
  v[2] = a - b * (float)NEAR;
  v[3] = c + d * (float)FAR;
  v[4] = c - d * (float)FAR;
}

// A^T v: six points to four values of the output.
static inline __attribute__((always_inline)) void from_points(vector v[6]) {
  const vector a = v[1] + v[2], b = v[1] - v[2], c = v[3] + v[4], d = v[3] - v[4];
  v[0] = v[0] + a + c;
  v[1] = b * (float)NEAR + d * (float)FAR;
  v[2] = a * (float)NEAR2 + c * (float)FAR2;
  v[3] = b * (float)(NEAR * NEAR2) + d * (float)(FAR * FAR2) + v[5];
}

static void winograd_in(const ck_convolution *layer, int32_t y, int32_t x, void *points, ptrdiff_t step) {
  const int32_t dilation = layer->winograd;
  // Beyond the zeros around the picture is other memory; what is computed from there is thrown away, but must be finite.
  const int32_t below = (layer->height - 1 - y) / dilation + 3, right = (layer->width - 1 - x) / dilation + 3;
  const int32_t rows = below < 6 ? below : 6, columns = right < 6 ? right : 6;
  const ptrdiff_t row = layer->in.row * dilation, pixel = layer->in.pixel * dilation;
  const number *corner = (const number *)layer->in.base + y * layer->in.row + x * layer->in.pixel - row - pixel;
  for (int32_t c = 0; c < layer->depth; c += LANES) {
    vector v[6][6], column[6];
#pragma clang loop unroll(full)
    for (int i = 0; i < 6; i++) {
#pragma clang loop unroll(full)
      for (int j = 0; j < 6; j++) v[i][j] = i < rows && j < columns ? read(corner + i * row + j * pixel + c) : all(0);
      to_points(v[i]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 6; j++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) column[i] = v[i][j];
      to_points(column);
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) put_point((point *)points + (i * 6 + j) * step + c, column[i]);
    }
  }
}

static void winograd_out(
    const ck_convolution *layer, int32_t y, int32_t x, int32_t first, int32_t channels, const float *points,
    ptrdiff_t step) {
  const int32_t dilation = layer->winograd;
  for (int32_t c = 0; c < channels; c += LANES) {
    vector v[4][6], column[6];
#pragma clang loop unroll(full)
    for (int j = 0; j < 6; j++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 6; i++) column[i] = load(points + (i * 6 + j) * step + c);
      from_points(column);
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) v[i][j] = column[i];
    }
    const vector bias = load(layer->bias + first + c);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      const int32_t row = y + i * dilation;
      if (row >= layer->height) break;
      from_points(v[i]);
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) {
        const int32_t pixel = x + j * dilation;
        if (pixel >= layer->width) break;
        vector sum = activate(layer->activation, v[i][j] + bias);
        if (layer->residual.base)
          sum += read(
              (const number *)layer->residual.base + row * layer->residual.row + pixel * layer->residual.pixel + first + c);
        put(layer, row * layer->out.row + pixel * layer->out.pixel + first + c, sum);
      }
    }
  }
}
