// What a number is to convolution_vector.h and convolution_tiles.h: a bfloat16, on processors with AVX512-BF16.

#include <immintrin.h>

#include "../vectors/vector.h"

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
