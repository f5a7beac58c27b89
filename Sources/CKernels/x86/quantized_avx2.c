// Without dot products of bytes: bytes are widened to 16 bits, of which an instruction multiplies and adds up two, exactly.
// `vpmaddubsw` takes bytes as they are, but it saturates: quantized_7_bits.h. 3 x 3 kernels go by Winograd's transforms: 16 bits hold their
// points.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 6
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

typedef __m256i integers, registers_of_bytes;
typedef __m256i loose_integers __attribute__((aligned(1)));
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

#define GROUP 2
typedef int16_t number, weight;

static inline integers dot(integers sum, integers a, integers w) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, w)); }

// Even and odd bytes apart.
static inline integers dot_bytes(integers sum, registers_of_bytes a, const weight *weights) {
  const loose_integers *w = (const void *)weights;
  sum = dot(sum, _mm256_and_si256(a, _mm256_set1_epi16(0xFF)), w[0]);
  return dot(sum, _mm256_srli_epi16(a, 8), w[1]);
}

#include "quantized_256.h"
#include "../vectors/quantized_vector.h"

static void widen(const uint8_t *bytes, ptrdiff_t count, int16_t *words) {
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256((__m256i *)(words + i), _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(bytes + i))));
  for (; i < count; i++) words[i] = bytes[i];
}

static void convolve(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch) {
  const uint8_t *start = in.base + first * layer->stride * in.row + layer->tap_offset[0];
  widen(start, ck_q8_span(layer, in, last - first), scratch);
  convolve_numbers(layer, (const int16_t *)scratch + (in.base - start), in.row, in.pixel, first, last);
}

#include "quantized_winograd.h"
#include "quantized_7_bits.h"

const ck_q8_kernels ck_q8_kernels_avx2 = {
  .name = "AVX2", .block = 2 * LANES, .depthwise_block = depthwise_block, .group = GROUP, .convolve = convolve,
  .convolve_7_bits = convolve_7_bits, .depthwise = depthwise, .quantize = quantize, .winograd_in = winograd_in, .winograd_products = winograd_products,
  .winograd_out = winograd_out,
};

#pragma clang attribute pop
#endif
