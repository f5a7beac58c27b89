// Products of bfloat16 by vdpbf16ps, which adds the products of a pair of numbers to each of 16 sums.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)
#include <immintrin.h>

#define LANES 16
#include "../vectors/vector.h"
#define UNROLL _Pragma("clang loop unroll(full)")
#define ALWAYS static inline __attribute__((always_inline))

enum { lanes = 16, tile = 14, outer_tile = 8 };

ALWAYS __m512 multiply_add(__m512 sum, __m512i a, __m512i b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

// The same pair in all places.
ALWAYS __m512i pair(const uint16_t *p) {
  int32_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _mm512_set1_epi32(bits);
}

// Both counts are constants where this is inlined.
ALWAYS void product_tile(
    int32_t depth, const uint16_t *in, ptrdiff_t in_panel, const uint16_t *weights, int pixels, int columns, float *out,
    ptrdiff_t out_panel) {
  __m512 sum[tile][2];
  UNROLL for (int p = 0; p < pixels; p++)
    UNROLL for (int c = 0; c < columns; c++) sum[p][c] = _mm512_setzero_ps();
  for (int32_t k = 0; k < depth; k += lanes, in += in_panel)
    _Pragma("clang loop unroll(disable)") for (int i = 0; i < lanes; i += 2, weights += columns * 2 * lanes) {
      __m512i w[2];
      UNROLL for (int c = 0; c < columns; c++) w[c] = _mm512_loadu_si512(weights + c * 2 * lanes);
      UNROLL for (int p = 0; p < pixels; p++) {
        const __m512i a = pair(in + p * lanes + i);
        UNROLL for (int c = 0; c < columns; c++) sum[p][c] = multiply_add(sum[p][c], a, w[c]);
      }
    }
  UNROLL for (int p = 0; p < pixels; p++)
    UNROLL for (int c = 0; c < columns; c++) _mm512_storeu_ps(out + c * out_panel + p * lanes, sum[p][c]);
}

#define CASE(n) \
  case n: \
    if (columns == 2 * lanes) product_tile(depth, in, in_panel, weights, n, 2, out, out_panel); \
    else product_tile(depth, in, in_panel, weights, n, 1, out, out_panel); \
    break;

static void product(
    int32_t pixels, int32_t depth, const uint16_t *in, ptrdiff_t in_panel, const uint16_t *weights, int32_t columns, float *out,
    ptrdiff_t out_panel) {
  const int32_t tiles = (pixels + tile - 1) / tile;
  for (int32_t i = 0, start = 0; i < tiles; i++) {
    const int32_t end = (int32_t)((int64_t)pixels * (i + 1) / tiles);
    switch (end - start) {
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
    }
    in += (end - start) * lanes;
    out += (end - start) * lanes;
    start = end;
  }
}

ALWAYS void outer_tile_of(
    int32_t pairs, const uint16_t *in, const uint16_t *gradient, ptrdiff_t gradient_panel, int columns, float *sums,
    ptrdiff_t step) {
  __m512 sum[outer_tile][2];
  UNROLL for (int i = 0; i < outer_tile; i++)
    UNROLL for (int c = 0; c < columns; c++) sum[i][c] = _mm512_loadu_ps(sums + i * step + c * lanes);
  _Pragma("clang loop unroll(disable)") for (int32_t p = 0; p < pairs; p++, in += 2 * lanes, gradient += 2 * lanes) {
    __m512i g[2];
    UNROLL for (int c = 0; c < columns; c++) g[c] = _mm512_loadu_si512(gradient + c * gradient_panel);
    UNROLL for (int i = 0; i < outer_tile; i++) {
      const __m512i a = pair(in + 2 * i);
      UNROLL for (int c = 0; c < columns; c++) sum[i][c] = multiply_add(sum[i][c], a, g[c]);
    }
  }
  UNROLL for (int i = 0; i < outer_tile; i++)
    UNROLL for (int c = 0; c < columns; c++) _mm512_storeu_ps(sums + i * step + c * lanes, sum[i][c]);
}

static void outer(
    int32_t pairs, const uint16_t *in, ptrdiff_t in_panel, int32_t inputs, const uint16_t *gradient, ptrdiff_t gradient_panel,
    int32_t outputs, float *sums) {
  for (int32_t o = 0; o < outputs; o += 2 * lanes)
    for (int32_t i = 0; i < inputs; i += outer_tile) {
      const uint16_t *a = in + i / lanes * in_panel + i % lanes * 2, *g = gradient + o / lanes * gradient_panel;
      float *place = sums + (ptrdiff_t)i * outputs + o;
      if (outputs - o >= 2 * lanes) outer_tile_of(pairs, a, g, gradient_panel, 2, place, outputs);
      else outer_tile_of(pairs, a, g, gradient_panel, 1, place, outputs);
    }
}

#include "points_bf16.h"
#include "../vectors/winograd_gradient_vector.h"

extern const ck_kernels ck_kernels_avx512mixed;
const ck_bf16 ck_bf16_avx512 = {product, outer, winograd_gradient, &ck_kernels_avx512mixed};

#pragma clang attribute pop
#endif
