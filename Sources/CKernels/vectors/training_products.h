// Products of matrices in panels of 16 channels, for any register width. TILE x COLUMNS sums, COLUMNS weights and one broadcast
// value fill the register file; BLOCK columns of weights are taken at once.

enum { columns_of_block = BLOCK / LANES };

// Both counts are constants where this is inlined.
static inline __attribute__((always_inline)) void product_tile(
    int32_t depth, const float *in, ptrdiff_t in_panel, const float *weights, int pixels, int columns, float *out,
    ptrdiff_t out_panel) {
  vector sum[TILE][columns_of_block];
  UNROLL for (int p = 0; p < pixels; p++)
    UNROLL for (int c = 0; c < columns; c++) sum[p][c] = all(0);
  for (int32_t k = 0; k < depth; k += ck_lanes, in += in_panel)
    _Pragma("clang loop unroll(disable)") for (int32_t i = 0; i < ck_lanes; i++, weights += columns * LANES) {
      vector w[columns_of_block];
      UNROLL for (int c = 0; c < columns; c++) w[c] = load(weights + c * LANES);
      UNROLL for (int p = 0; p < pixels; p++) {
        const vector a = all(in[p * ck_lanes + i]);
        UNROLL for (int c = 0; c < columns; c++) sum[p][c] += a * w[c];
      }
    }
  UNROLL for (int p = 0; p < pixels; p++)
    UNROLL for (int c = 0; c < columns; c++)
      store(out + c / vectors * out_panel + p * ck_lanes + c % vectors * LANES, sum[p][c]);
}

#define CASE(n) \
  case n: \
    if (columns == BLOCK) product_tile(depth, in, in_panel, weights, n, columns_of_block, out, out_panel); \
    else product_tile(depth, in, in_panel, weights, n, vectors, out, out_panel); \
    break;

static void product(
    int32_t pixels, int32_t depth, const float *in, ptrdiff_t in_panel, const float *weights, int32_t columns, float *out,
    ptrdiff_t out_panel) {
  // Tiles of nearly equal size: a narrow last one would wait for its own sums.
  const int32_t tiles = (pixels + TILE - 1) / TILE;
  for (int32_t i = 0, start = 0; i < tiles; i++) {
    const int32_t end = pixels * (i + 1) / tiles;
    switch (end - start) { TILE_CASES }
    in += (end - start) * ck_lanes;
    out += (end - start) * ck_lanes;
    start = end;
  }
}

#undef CASE

// `inputs` x `columns` sums; both are constants where this is inlined.
static inline __attribute__((always_inline)) void outer_tile(
    int32_t height, int32_t width, const ck_factor *in, int inputs, const ck_factor *gradient, int columns, float *sums, ptrdiff_t step) {
  vector sum[OUTER_TILE][columns_of_block];
  UNROLL for (int i = 0; i < inputs; i++)
    UNROLL for (int c = 0; c < columns; c++) sum[i][c] = load(sums + i * step + c * LANES);
  for (int32_t y = 0; y < height; y++) {
    const float *value = in->base + y * in->row, *g = gradient->base + y * gradient->row;
    _Pragma("clang loop unroll(disable)") for (int32_t x = 0; x < width; x++) {
      vector v[columns_of_block];
      UNROLL for (int c = 0; c < columns; c++) v[c] = load(g + c / vectors * gradient->panel + c % vectors * LANES);
      UNROLL for (int i = 0; i < inputs; i++) {
        const vector a = all(value[i]);
        UNROLL for (int c = 0; c < columns; c++) sum[i][c] += a * v[c];
      }
      value += in->pixel;
      g += gradient->pixel;
    }
  }
  UNROLL for (int i = 0; i < inputs; i++)
    UNROLL for (int c = 0; c < columns; c++) store(sums + i * step + c * LANES, sum[i][c]);
}

#define CASE(n) \
  case n: \
    if (is_block) outer_tile(height, width, in, n, gradient, columns_of_block, sums, step); \
    else outer_tile(height, width, in, n, gradient, vectors, sums, step); \
    break;

static void outer_of(
    int32_t height, int32_t width, const ck_factor *in, int32_t inputs, const ck_factor *gradient, bool is_block, float *sums,
    ptrdiff_t step) {
  switch (inputs) { OUTER_CASES }
}

#undef CASE

static void outer(
    int32_t height, int32_t width, const ck_factor *in, int32_t inputs, const ck_factor *gradient, int32_t outputs, float *sums,
    ptrdiff_t step) {
  for (int32_t o = 0; o < outputs; o += BLOCK) {
    ck_factor g = *gradient;
    g.base += o / ck_lanes * g.panel;
    for (int32_t i = 0; i < inputs; i += OUTER_TILE) {
      ck_factor part = *in;
      part.base += i / ck_lanes * part.panel + i % ck_lanes;
      outer_of(
          height, width, &part, inputs - i < OUTER_TILE ? inputs - i : OUTER_TILE, &g, outputs - o >= BLOCK,
          sums + i * step + o, step);
    }
  }
}
