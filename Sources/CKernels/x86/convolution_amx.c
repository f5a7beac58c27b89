// Dense convolutions of bfloat16 by AMX; the depthwise ones have nothing to multiply matrices with.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 16
#include "convolution_bf16.h"

#include "tile_instructions.h"
#define tile_dot _tile_dpbf16ps
#include "convolution_tiles_bf16.h"

extern const ck_kernels ck_kernels_avx512bf16;

static void depthwise(const ck_convolution *layer, int32_t y, void *out) {
  ck_kernels_avx512bf16.depthwise(layer, y, out);
}

double ck_multiply_adds_amx(int64_t rounds) { return tile_peak(rounds); }
const ck_kernels ck_kernels_amx = {2 * tile_columns, sizeof(number), convolve_tiles, depthwise, NULL, NULL, NULL};

#pragma clang attribute pop
#endif
