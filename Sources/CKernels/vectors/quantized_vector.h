// The vector version of the convolutions of bytes, written once for any register width. The including file defines LANES
// (32-bit numbers per register), TILE, TILE_CASES, what is multiplied (GROUP times `number` and `weight`, by `dot`), and the
// operations on registers that stand in quantized_256.h, quantized_512.h and quantized_neon.h. Where instructions multiply signed
// bytes only, it defines LESS_128: inputs are taken less 128, and sums begin with 128 times their weights. With FOUR_AT_ONCE an
// instruction can multiply by one lane of a register.

#include "quantized_finish.h"

static inline integers weights_of(const weight *p) { return *(const loose_integers *)(const void *)p; }
static inline integers spread(const number *p) {
  int32_t numbers;
  memcpy(&numbers, p, 4);
#ifdef LESS_128
  numbers ^= LESS_128;
#endif
  return (integers)(signed_lanes)numbers;
}

#ifdef LESS_128
// What the inputs lack, times `w`.
static inline integers less_128(integers sum, integers w) {
  return sum - dot((integers){}, (integers)(signed_lanes)LESS_128, w);
}
#endif

#ifdef FOUR_AT_ONCE
// Four groups of inputs of every pixel, with their rows of weights.
static inline __attribute__((always_inline)) void add_up_four(
    integers sum[TILE][2], const number *in, ptrdiff_t pixel_step, const weight *weights, int pixels, int registers) {
  four_groups a[TILE];
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++) a[p] = four_groups_of(in + p * pixel_step);
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++, weights += LANES * GROUP) {
      const integers w = weights_of(weights);
#pragma clang loop unroll(full)
      for (int p = 0; p < pixels; p++) sum[p][r] = dot(sum[p][r], (integers)(signed_lanes)a[p][i], w);
    }
}
#endif

// `pixels` x `registers` sums of a tile; both are constants where this is inlined.
static inline __attribute__((always_inline)) void add_up(
    integers sum[TILE][2], const integers first[2], const number *in, const ptrdiff_t *tap_offset, int32_t taps, int32_t depth,
    ptrdiff_t pixel_step, const weight *weights, int pixels, int registers) {
#pragma clang loop unroll(full)
  for (int p = 0; p < pixels; p++)
#pragma clang loop unroll(full)
    for (int r = 0; r < registers; r++) sum[p][r] = first[r];

  for (int32_t t = 0; t < taps; t++) {
    const number *place = in + tap_offset[t];
    int32_t k = 0;
#ifdef FOUR_AT_ONCE
#pragma clang loop unroll(disable)
    for (; k + 4 * GROUP <= depth; k += 4 * GROUP, weights += 4 * GROUP * registers * LANES)
      add_up_four(sum, place + k, pixel_step, weights, pixels, registers);
#endif
#pragma clang loop unroll(disable)
    for (; k < depth; k += 4)
#pragma clang loop unroll(full)
      for (int part = 0; part < 4; part += GROUP, weights += registers * LANES * GROUP) {
        integers w[2];
#pragma clang loop unroll(full)
        for (int r = 0; r < registers; r++) w[r] = weights_of(weights + r * LANES * GROUP);
#pragma clang loop unroll(full)
        for (int p = 0; p < pixels; p++) {
          integers a = spread(place + p * pixel_step + k + part);
#pragma clang loop unroll(full)
          for (int r = 0; r < registers; r++) sum[p][r] = dot(sum[p][r], a, w[r]);
        }
        // Loads that came before their turn would need registers that there are not.
        __asm__ volatile("" ::: "memory");
      }
  }
}

static inline __attribute__((always_inline)) void put_tile(
    const ck_q8_convolution *layer, integers sum[TILE][2], int32_t channel, ptrdiff_t y, ptrdiff_t x, int pixels, int registers) {
  // A copy is not reread after every byte that is stored.
  const ck_q8_convolution own = *layer;
#pragma clang loop unroll(full)
  for (int r = 0; r < registers; r++) {
    const int32_t c = channel + r * LANES;
    const vector scale = load(own.finish.scale + c), bias = load(own.finish.bias + c);
#pragma clang loop unroll(full)
    for (int p = 0; p < pixels; p++) put(&own, finished(&own.finish, sum[p][r], scale, bias), y, x + p, c);
  }
}

static inline __attribute__((always_inline)) void tile(
    const ck_q8_convolution *layer, const integers first[2], const number *in, ptrdiff_t pixel_step, const weight *weights,
    int32_t channel, ptrdiff_t y, ptrdiff_t x, int pixels, int registers) {
  integers sum[TILE][2];
  add_up(sum, first, in, layer->tap_offset, layer->taps, layer->depth, pixel_step, weights, pixels, registers);
  put_tile(layer, sum, channel, y, x, pixels, registers);
}

#define CASE(n) \
  case n: tile(layer, first, in, pixel_step, weights, channel, y, x, n, registers); break;

static inline __attribute__((always_inline)) void tile_of(
    const ck_q8_convolution *layer, const integers first[2], const number *in, ptrdiff_t pixel_step, const weight *weights,
    int32_t channel, ptrdiff_t y, ptrdiff_t x, int pixels, int registers) {
  switch (pixels) { TILE_CASES }
}

// `in` is pixel (0, 0), with the distances of rows and pixels.
static void convolve_numbers(
    const ck_q8_convolution *layer, const number *in, ptrdiff_t in_row, ptrdiff_t in_pixel, int32_t first, int32_t last) {
  const int32_t block = 2 * LANES, width = layer->width;
  const ptrdiff_t pixel_step = in_pixel * layer->stride;
  const int32_t tiles = (width + TILE - 1) / TILE;
  for (int32_t c = 0; c < layer->channels; c += block) {
    const weight *weights = (const weight *)layer->weights + (ptrdiff_t)c * layer->taps * layer->depth;
    const bool is_whole = layer->channels - c >= block;
    integers begin[2] = {};
#ifdef LESS_128
    const int32_t registers = is_whole ? 2 : 1;
    for (int32_t k = 0; k < layer->taps * layer->depth; k += GROUP)
      for (int32_t r = 0; r < registers; r++)
        begin[r] = less_128(begin[r], weights_of(weights + (k * registers + r * GROUP) * LANES));
#endif
    for (int32_t y = first; y < last; y++) {
      const number *row = in + y * in_row * layer->stride;
      for (int32_t i = 0; i < tiles; i++) {
        const int32_t x = width * i / tiles, end = width * (i + 1) / tiles;
        if (is_whole) tile_of(layer, begin, row + x * pixel_step, pixel_step, weights, c, y, x, end - x, 2);
        else tile_of(layer, begin, row + x * pixel_step, pixel_step, weights, c, y, x, end - x, 1);
      }
    }
  }
}

// Channels of a block.
enum { depthwise_block = 4 * LANES };

// The four bytes that every sum of a row needs, side by side: what two neighbouring outputs read of 4 * LANES channels.
static inline __attribute__((always_inline)) void gather(
    const uint8_t *p, ptrdiff_t side, int places, int32_t channels, registers_of_bytes rows[4]) {
  registers_of_bytes a = load_bytes(p, channels), b = load_bytes(p + side, channels);
  registers_of_bytes c = load_bytes(p + 2 * side, channels);
  registers_of_bytes d = places == 4 ? load_bytes(p + 3 * side, channels) : (registers_of_bytes){};
  registers_of_bytes ab = interleave_low_8(a, b), cd = interleave_low_8(c, d);
  rows[0] = interleave_low_16(ab, cd);
  rows[1] = interleave_high_16(ab, cd);
  ab = interleave_high_8(a, b);
  cd = interleave_high_8(c, d);
  rows[2] = interleave_low_16(ab, cd);
  rows[3] = interleave_high_16(ab, cd);
}

static inline __attribute__((always_inline)) void depthwise_outputs(
    const ck_q8_convolution *layer, const integers first[4], const uint8_t *const rows[3], ptrdiff_t side,
    const weight *weights, int32_t c, int32_t channels, int outputs, uint8_t *out, ptrdiff_t second) {
  const ck_q8_depthwise *part = &layer->depthwise;
  integers sum[2][4];
#pragma clang loop unroll(full)
  for (int k = 0; k < 4; k++) sum[0][k] = sum[1][k] = first[k];
#pragma clang loop unroll(full)
  for (int ky = 0; ky < 3; ky++) {
    registers_of_bytes bytes[4];
    gather(rows[ky], side, outputs == 2 ? 4 : 3, channels, bytes);
#pragma clang loop unroll(full)
    for (int output = 0; output < outputs; output++)
#pragma clang loop unroll(full)
      for (int k = 0; k < 4; k++)
        sum[output][k] = dot_bytes(sum[output][k], bytes[k], weights + ((output * 3 + ky) * 4 + k) * LANES * 4);
  }
#pragma clang loop unroll(full)
  for (int output = 0; output < outputs; output++) {
    integers v[4];
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++)
      v[k] = rounded(
          finished(
              &part->finish, sum[output][k], load(part->finish.scale + c + k * LANES),
              load(part->finish.bias + c + k * LANES)) + part->finish.zero, part->most);
    store_bytes(out + output * second, packed(v[0], v[1], v[2], v[3]), channels);
  }
}

static void depthwise(const ck_q8_convolution *layer, int32_t y, uint8_t *out) {
  const ck_q8_depthwise *part = &layer->depthwise;
  const ptrdiff_t side = part->dilation * layer->in.pixel;
  const int32_t width = layer->width, apart = part->dilation;
  for (int32_t c = 0; c < part->channels; c += depthwise_block) {
    const int32_t channels = part->channels - c < depthwise_block ? part->channels - c : depthwise_block;
    const weight *weights = (const weight *)part->weights + (ptrdiff_t)c * 2 * 3 * 4;
    integers begin[4] = {};
#ifdef LESS_128
    for (int ky = 0; ky < 3; ky++)
      for (int k = 0; k < 4; k++) begin[k] = less_128(begin[k], weights_of(weights + (ky * 4 + k) * LANES * 4));
#endif
    const uint8_t *rows[3];
    for (int k = 0; k < 3; k++)
      rows[k] = layer->in.base + (y * part->stride + (k - 1) * part->dilation) * layer->in.row - side + c;
    if (part->stride != 1) {
      for (int32_t x = 0; x < width; x++) {
        const ptrdiff_t at = (ptrdiff_t)x * part->stride * layer->in.pixel;
        const uint8_t *here[3] = {rows[0] + at, rows[1] + at, rows[2] + at};
        depthwise_outputs(layer, begin, here, side, weights, c, channels, 1, out + (ptrdiff_t)x * part->channels + c, 0);
      }
      continue;
    }
    // Outputs a dilation apart share three of their four places.
    for (int32_t start = 0; start < width; start += 2 * apart)
      for (int32_t x = start; x < start + apart && x < width; x++) {
        const ptrdiff_t at = (ptrdiff_t)x * layer->in.pixel;
        const uint8_t *here[3] = {rows[0] + at, rows[1] + at, rows[2] + at};
        uint8_t *target = out + (ptrdiff_t)x * part->channels + c;
        if (x + apart < width)
          depthwise_outputs(
              layer, begin, here, side, weights, c, channels, 2, target, (ptrdiff_t)apart * part->channels);
        else
          depthwise_outputs(layer, begin, here, side, weights, c, channels, 1, target, 0);
      }
  }
}

static void quantize(const float *in, int32_t channels, const float *factor, float zero, uint8_t *out) {
  for (int32_t c = 0; c < channels; c += LANES) to_bytes(out + c, load(in + c) * load(factor + c) + zero);
}
