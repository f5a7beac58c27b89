// Convolutions of floats, but of bfloat16 between Winograd's transforms: twice as many products at once.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)
#include <immintrin.h>

#include "registers_512.h"
#include "../vectors/convolution_f32.h"
#include "../vectors/convolution_vector.h"
#include "points_bf16.h"
#include "../vectors/winograd_vector.h"

extern const ck_kernels ck_kernels_avx512bf16;
const ck_kernels ck_kernels_avx512mixed = {
  2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, &ck_kernels_avx512bf16,
};

#pragma clang attribute pop
#endif
