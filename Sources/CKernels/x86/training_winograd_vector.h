// The transforms of training by Winograd's method on LANES channels at once; see training_winograd.c.

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

