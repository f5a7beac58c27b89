// Convolutions of bfloat16: vdpbf16ps adds the products of a pair of numbers to each of 16 sums.
#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#include "registers_512.h"
#include "convolution_bf16.h"
#include "../vectors/convolution_vector.h"
#include "convolution_peak.h"
#include "points_bf16.h"
#include "../vectors/winograd_vector.h"

double ck_multiply_adds_avx512bf16(int64_t rounds) { return peak(rounds); }
const ck_kernels ck_kernels_avx512bf16 = {
  2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, NULL,
};

#pragma clang attribute pop
#endif
