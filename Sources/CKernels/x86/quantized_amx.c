// Dense convolutions of bytes by AMX; see convolution_tiles.h. Everything else is AVX-512's.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,amx-tile,amx-int8"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 16
typedef __m512i integers, registers_of_bytes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));
#include "quantized_512.h"
#include "../vectors/quantized_finish.h"

#define sums_of(p) _mm512_loadu_si512(p)
#include "tile_instructions.h"
#define tile_dot _tile_dpbusd
#include "quantized_tiles.h"

extern const ck_q8_kernels ck_q8_kernels_avx512vnni;

static void convolve(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch) {
  (void)scratch;
  convolve_tiles(layer, in, first, last);
}
static void depthwise(const ck_q8_convolution *layer, int32_t y, uint8_t *out) {
  ck_q8_kernels_avx512vnni.depthwise(layer, y, out);
}
static void quantize(const float *in, int32_t channels, const float *factor, float zero, uint8_t *out) {
  ck_q8_kernels_avx512vnni.quantize(in, channels, factor, zero, out);
}

double ck_q8_multiply_adds_amx(int64_t rounds) { return tile_peak(rounds); }
const ck_q8_kernels ck_q8_kernels_amx = {
  .name = "AMX", .block = 2 * tile_columns, .depthwise_block = 4 * LANES, .group = GROUP, .convolve = convolve,
  .depthwise = depthwise, .quantize = quantize,
};

#pragma clang attribute pop
#endif
