// The vector version of the convolutions, written once for any register width and kind of numbers: LANES floats per register,
// TILE pixels at a time, so that TILE x 2 sums, 2 weights and 1 pixel fill the register file. Included by one file per level,
// after what says what a number is: `number`, PAIR of which are multiplied at once, `numbers`, `spread`, `multiply_add`, `read`,
// `write`, `put`. Where an instruction can multiply by one lane of a register, it defines FOUR_AT_ONCE.

// Products of one input (or PAIR) of every pixel with its row of weights.
static inline __attribute__((always_inline)) void add_up(
    vector sum[TILE][2], const number *in, ptrdiff_t pixel_step, const number *weights, int pixels, int registers) {
  numbers w[2];
#pragma clang loop unroll(full)
  for (int r = 0; r < registers; r++) w[r] = *(const numbers *)(const void *)(weights + r * LANES * PAIR);
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++) {
    numbers a = spread(in + p * pixel_step);
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++) sum[p][r] = multiply_add(sum[p][r], a, w[r]);
  }
}

#ifdef FOUR_AT_ONCE
typedef float four __attribute__((ext_vector_type(4), aligned(4)));

static inline __attribute__((always_inline)) void add_up_four(
    vector sum[TILE][2], const number *in, ptrdiff_t pixel_step, const number *weights, int pixels, int registers) {
  four a[TILE];
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++) a[p] = *(const four *)(in + p * pixel_step);
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++, weights += LANES) {
      const vector w = load(weights);
#pragma clang loop unroll(full)
      for (int p = 0; p < pixels; p++) sum[p][r] += w * all(a[p][i]);
    }
}
#endif

// `pixels` x `registers` sums of a tile; both are constants where this is inlined.
static inline __attribute__((always_inline)) void tile(
    const ck_convolution *layer, const number *in, ptrdiff_t pixel_step, const number *weights, const float *bias,
    const number *residual, ptrdiff_t out, int pixels, int registers) {
  vector sum[TILE][2];
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++) sum[p][r] = load(bias + r * LANES);

  for (int32_t t = 0; t < layer->taps; t++) {
    const number *place = in + layer->tap_offset[t];
    int32_t k = 0;
#ifdef FOUR_AT_ONCE
#pragma clang loop unroll(disable)
    for (; k + 4 <= layer->depth; k += 4, weights += 4 * registers * LANES)
      add_up_four(sum, place + k, pixel_step, weights, pixels, registers);
#endif
#pragma clang loop unroll(disable)
    for (; k < layer->depth; k += PAIR, weights += registers * LANES * PAIR)
      add_up(sum, place + k, pixel_step, weights, pixels, registers);
  }

#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++) {
      vector v = activate(layer->activation, sum[p][r]);
      if (residual) v += read(residual + p * layer->residual.pixel + r * LANES);
      put(layer, out + p * layer->out.pixel + r * LANES, v);
    }
}

#define CASE(n) \
  case n: tile(layer, in, pixel_step, weights, bias, residual, out, n, registers); break;

static inline __attribute__((always_inline)) void tile_of(
    const ck_convolution *layer, const number *in, ptrdiff_t pixel_step, const number *weights, const float *bias,
    const number *residual, ptrdiff_t out, int pixels, int registers) {
  switch (pixels) { TILE_CASES }
}

static void convolve(const ck_convolution *layer, ck_view in, int32_t first, int32_t last) {
  const int32_t block = 2 * LANES, width = layer->width;
  const ptrdiff_t pixel_step = in.pixel * layer->stride;
  // Tiles of nearly equal width: a narrow last one would wait for its own sums.
  const int32_t tiles = (width + TILE - 1) / TILE;
  // One block of weights serves all rows of the task before the next is fetched.
  for (int32_t c = 0; c < layer->channels; c += block) {
    const number *weights = (const number *)layer->weights + (ptrdiff_t)c * layer->taps * layer->depth;
    const int32_t registers = layer->channels - c >= block ? 2 : 1;
    for (int32_t y = first; y < last; y++) {
      const number *row = (const number *)in.base + y * in.row * layer->stride;
      for (int32_t i = 0; i < tiles; i++) {
        const int32_t x = width * i / tiles, end = width * (i + 1) / tiles;
        const number *residual =
            layer->residual.base
                ? (const number *)layer->residual.base + y * layer->residual.row + x * layer->residual.pixel + c : NULL;
        const ptrdiff_t out = y * layer->out.row + x * layer->out.pixel + c;
        if (registers == 2)
          tile_of(layer, row + x * pixel_step, pixel_step, weights, layer->bias + c, residual, out, end - x, 2);
        else
          tile_of(layer, row + x * pixel_step, pixel_step, weights, layer->bias + c, residual, out, end - x, 1);
      }
    }
  }
}

static void depthwise(const ck_convolution *layer, int32_t y, void *out) {
  const ck_depthwise *part = &layer->depthwise;
  const ptrdiff_t step = part->stride * layer->in.pixel, side = part->dilation * layer->in.pixel;
  const ptrdiff_t channels = part->channels;
  for (ptrdiff_t c = 0; c < channels; c += LANES) {
    const number *rows[3];
    vector w[9];
    for (int k = 0; k < 3; k++)
      rows[k] = (const number *)layer->in.base + (y * part->stride + (k - 1) * part->dilation) * layer->in.row - side + c;
    for (int k = 0; k < 9; k++) w[k] = load(part->weights + k * channels + c);
    const vector bias = load(part->bias + c);
    for (int32_t x = 0; x < layer->width; x++) {
      vector sum[3] = {bias, {}, {}};  // three chains instead of one nine times as long
#pragma clang loop unroll(full)
      for (int k = 0; k < 3; k++) {
        const number *p = rows[k] + x * step;
        sum[k] += read(p) * w[3 * k];
        sum[k] += read(p + side) * w[3 * k + 1];
        sum[k] += read(p + 2 * side) * w[3 * k + 2];
      }
      write((number *)out + x * channels + c, activate(part->activation, sum[0] + sum[1] + sum[2]));
    }
  }
}
