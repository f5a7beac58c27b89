#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 6
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

typedef __m256i integers, registers_of_bytes, weight_lanes, pixel_lanes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

static inline integers dot(integers sum, pixel_lanes a, weight_lanes w) { return _mm256_dpbusd_avx_epi32(sum, a, w); }
static inline weight_lanes weights_of(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline pixel_lanes pixels_of(registers_of_bytes bytes) { return bytes; }
static inline pixel_lanes four_of(const uint8_t *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}

#include "quantized_256.h"
// Keeps the compiler from knowing what is in two operands.
#define hide(a, w) __asm__ volatile("" : "+v"(a), "+v"(w))
#include "quantized_vector.h"

double ck_q8_multiply_adds_avxvnni(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_avxvnni = {"AVX-VNNI", 2 * LANES, depthwise_block, convolve, depthwise, quantize};

#pragma clang attribute pop
#endif
