// The transforms of training by Winograd's method on LANES channels at once; see training_winograd.c.
#include "../winograd_points.h"
#include "winograd_gradient_vector.h"

// G v: three values of a kernel to six points; see winograd.c.
static inline __attribute__((always_inline)) void kernel_points(const vector v[3], vector points[6]) {
  const float by_near = (float)(1 / NEAR_DIVISOR), by_far = (float)(1 / FAR_DIVISOR);
  const vector even = (v[0] + v[2] * (float)NEAR2) * by_near, odd = v[1] * (by_near * (float)NEAR);
  const vector far = (v[0] + v[2] * (float)FAR2) * by_far, middle = v[1] * (by_far * (float)FAR);
  points[0] = v[0] * (float)(1 / (NEAR2 * FAR2));
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

// G^T v: the gradients of six points to those of three values of a kernel.
static inline __attribute__((always_inline)) void from_kernel_points(const vector v[6], vector kernel[3]) {
  const float by_near = (float)(1 / NEAR_DIVISOR), by_far = (float)(1 / FAR_DIVISOR);
  const vector near = (v[1] + v[2]) * by_near, far = (v[3] + v[4]) * by_far;
  kernel[0] = v[0] * (float)(1 / (NEAR2 * FAR2)) + near + far;
  kernel[1] = (v[1] - v[2]) * (by_near * (float)NEAR) + (v[3] - v[4]) * (by_far * (float)FAR);
  kernel[2] = near * (float)NEAR2 + far * (float)FAR2 + v[5];
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

