// The output's gradient in Winograd's transforms, on LANES channels at once; see training_winograd.c. Included after what says how
// points are kept: `point`, `put_point`.
#include "../winograd_points.h"

// A v: the gradients of four outputs to six points; the transpose of what makes outputs of points.
static inline __attribute__((always_inline)) void gradient_points(const vector v[4], vector points[6]) {
  const vector even = v[0] + v[2] * (float)NEAR2, odd = (v[1] + v[3] * (float)NEAR2) * (float)NEAR;
  const vector far = v[0] + v[2] * (float)FAR2, middle = (v[1] + v[3] * (float)FAR2) * (float)FAR;
  points[0] = v[0];
  points[1] = even + odd;
  points[2] = even - odd;
  points[3] = far + middle;
  points[4] = far - middle;
  points[5] = v[3];
}

static void winograd_gradient(
    const float *tile, ptrdiff_t row, ptrdiff_t pixel, int32_t rows, int32_t columns, int32_t channels, void *points,
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
      UNROLL for (int i = 0; i < 6; i++) put_point((point *)points + (i * 6 + j) * step + c, all_points[i]);
    }
  }
}
