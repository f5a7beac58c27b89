// Convolutions of floats, but of bfloat16 between Winograd's transforms: twice as many products at once.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)
#include <immintrin.h>

#define LANES 16
#define TILE 14
#define TILE_CASES \
  CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#include "convolution_f32.h"
#include "convolution_vector.h"
#include "points_bf16.h"
#include "winograd_vector.h"

extern const ck_kernels ck_kernels_avx512bf16;
const ck_kernels ck_kernels_avx512mixed = {
  2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, &ck_kernels_avx512bf16,
};

#pragma clang attribute pop
#endif
