#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#include "registers_512.h"

typedef __m512i integers, registers_of_bytes, weight_lanes, pixel_lanes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

static inline integers dot(integers sum, pixel_lanes a, weight_lanes w) { return _mm512_dpbusd_epi32(sum, a, w); }
static inline weight_lanes weights_of(const int8_t *p) { return _mm512_loadu_si512(p); }
static inline pixel_lanes pixels_of(registers_of_bytes bytes) { return bytes; }
static inline pixel_lanes four_of(const uint8_t *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}
#include "quantized_512.h"

// Keeps the compiler from knowing what is in two operands.
#define hide(a, w) __asm__ volatile("" : "+v"(a), "+v"(w))
#include "quantized_vector.h"

double ck_q8_multiply_adds_avx512vnni(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_avx512vnni = {"AVX-512 VNNI", 2 * LANES, depthwise_block, convolve, depthwise, quantize};

#pragma clang attribute pop
#endif
