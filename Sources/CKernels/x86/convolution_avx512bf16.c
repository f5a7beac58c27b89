// Convolutions of bfloat16: vdpbf16ps adds the products of a pair of numbers to each of 16 sums.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 16
#define TILE 14
#define TILE_CASES \
  CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#include "vector.h"

#define PAIR 2

typedef uint16_t number;
typedef __m512i_u numbers;

// The same pair in all places.
static inline __m512i spread(const number *p) {
  int32_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _mm512_set1_epi32(bits);
}
static inline vector multiply_add(vector sum, __m512i a, __m512i w) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)w);
}
static inline vector read(const number *p) {
  return (vector)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p)), 16);
}
static inline void write(number *p, vector v) {
  _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh(v));
}

// To the layer's output.
static inline void put(const ck_convolution *layer, ptrdiff_t index, vector v) {
  if (layer->gives_floats) store(layer->out.base + index, v);
  else write((number *)(void *)layer->out.base + index, v);
}

#include "convolution_vector.h"
#include "winograd_vector.h"

double ck_multiply_adds_avx512bf16(int64_t rounds) { return peak(rounds); }
extern const ck_kernels ck_kernels_avx512;
const ck_kernels ck_kernels_avx512bf16 = {
  2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, &ck_kernels_avx512,
};

#pragma clang attribute pop
#endif
