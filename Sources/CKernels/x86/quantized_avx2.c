#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 4
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4)

typedef __m256i integers, registers_of_bytes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

// Without VNNI: products of 16-bit numbers, even and odd bytes apart. `vpmaddubsw` would be shorter, but it saturates.
typedef struct {
  __m256i even, odd;
} weight_lanes, pixel_lanes;

static inline integers dot(integers sum, pixel_lanes a, weight_lanes w) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a.even, w.even));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a.odd, w.odd));
}
static inline weight_lanes weights_of(const int8_t *p) {
  __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
  return (weight_lanes){_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}
static inline pixel_lanes pixels_of(registers_of_bytes bytes) {
  return (pixel_lanes){_mm256_and_si256(bytes, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16(bytes, 8)};
}
static inline pixel_lanes four_of(const uint8_t *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return pixels_of(_mm256_set1_epi32(four));
}

#include "quantized_256.h"
// Keeps the compiler from knowing what is in two operands.
#define hide(a, w) __asm__ volatile("" : "+v"(a.even), "+v"(a.odd), "+v"(w.even), "+v"(w.odd))
#include "quantized_vector.h"

double ck_q8_multiply_adds_avx2(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_avx2 = {"AVX2", 2 * LANES, depthwise_block, convolve, depthwise, quantize};

#pragma clang attribute pop
#endif
