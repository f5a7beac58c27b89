// What follows a depthwise part: `vpmaddubsw` adds up two products in 16 bits, which hold them because inputs have 7 bits. Where the
// weights allow it, which is nearly everywhere, four are added up there before they are widened: half as many instructions as
// with numbers of 16 bits.

// A tile of 6 would leave no registers for the products.
enum { tile_7_bits = 5 };

static inline integers four_bytes(const uint8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, 4);
  return _mm256_set1_epi32(bytes);
}
static inline integers pairs(integers a, const int8_t *weights) {
  return _mm256_maddubs_epi16(a, *(const loose_integers *)(const void *)weights);
}
static inline integers widened(integers sum, integers pairs) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// As `ck_q8_pack_weights` packs a block.
static inline __attribute__((always_inline)) void seven_bit_tile(
    const ck_q8_convolution *layer, const uint8_t *in, const uint16_t *run, const int8_t *weights, int32_t channel, ptrdiff_t y,
    ptrdiff_t x, int pixels) {
  const int32_t depth = layer->depth;
  integers sum[TILE][2];
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++) sum[p][0] = sum[p][1] = _mm256_setzero_si256();
  for (int32_t k = 0;; k += 8) {
#pragma clang loop unroll(disable)
    for (int32_t end = k + 8 * *run++; k < end; k += 8, weights += 4 * 32) {
#pragma clang loop unroll(full)
      for (int p = 0; p < pixels; p++) {
        const uint8_t *place = in + (ptrdiff_t)p * depth + k;
        const integers a = four_bytes(place), b = four_bytes(place + 4);
#pragma clang loop unroll(full)
        for (int r = 0; r < 2; r++)
          sum[p][r] = widened(sum[p][r], _mm256_add_epi16(pairs(a, weights + 32 * r), pairs(b, weights + 64 + 32 * r)));
      }
      // Loads that came before their turn would need registers that there are not.
      __asm__ volatile("" ::: "memory");
    }
    if (k == depth) break;
    for (int part = 0; part < 8; part += 4, weights += 64)
#pragma clang loop unroll(full)
      for (int p = 0; p < pixels; p++) {
        const integers a = four_bytes(in + (ptrdiff_t)p * depth + k + part);
#pragma clang loop unroll(full)
        for (int r = 0; r < 2; r++) sum[p][r] = widened(sum[p][r], pairs(a, weights + 32 * r));
      }
  }
  put_tile(layer, sum, channel, y, x, pixels, 2);
}

static void convolve_7_bits(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last) {
  const int32_t width = layer->width, tiles = (width + tile_7_bits - 1) / tile_7_bits;
  const uint8_t *packed = layer->weights;
  for (int32_t c = 0; c < layer->channels; c += 2 * LANES) {
    const uint16_t *run = (const uint16_t *)(const void *)packed;
    const int8_t *weights = (const int8_t *)packed + ck_q8_runs_size(layer->depth);
    packed += ck_q8_runs_size(layer->depth) + (ptrdiff_t)2 * LANES * layer->depth;
    for (int32_t y = first; y < last; y++)
      for (int32_t i = 0; i < tiles; i++) {
        const int32_t x = width * i / tiles;
        const uint8_t *start = in.base + y * in.row + x * in.pixel;
        switch (width * (i + 1) / tiles - x) {
          case 1: seven_bit_tile(layer, start, run, weights, c, y, x, 1); break;
          case 2: seven_bit_tile(layer, start, run, weights, c, y, x, 2); break;
          case 3: seven_bit_tile(layer, start, run, weights, c, y, x, 3); break;
          case 4: seven_bit_tile(layer, start, run, weights, c, y, x, 4); break;
          case 5: seven_bit_tile(layer, start, run, weights, c, y, x, 5); break;
        }
      }
  }
}

// As many independent sums of four products as the tile has, on registers alone.
double ck_q8_multiply_adds_avx2(int64_t rounds) {
  integers sum[tile_7_bits][2] = {};
  integers a = {}, w = {};
  for (int64_t i = 0; i < rounds; i++)
#pragma clang loop unroll(full)
    for (int p = 0; p < tile_7_bits; p++)
#pragma clang loop unroll(full)
      for (int r = 0; r < 2; r++) {
        integers four = {};
#pragma clang loop unroll(full)
        for (int half = 0; half < 2; half++) {
          __asm__ volatile("" : "+v"(a), "+v"(w));
          const integers two = _mm256_maddubs_epi16(a, w);
          four = half ? _mm256_add_epi16(four, two) : two;
        }
        sum[p][r] = widened(sum[p][r], four);
        __asm__ volatile("" : "+v"(sum[p][r]));
      }
  return (double)rounds * tile_7_bits * 2 * LANES * 8;
}
