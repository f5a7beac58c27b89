#if defined(__x86_64__)
#include "../include/CKernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 6
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#include "../vectors/convolution_f32.h"
#include "../vectors/convolution_vector.h"
#include "convolution_peak.h"
#include "../vectors/points_f32.h"
#include "../vectors/winograd_vector.h"

double ck_multiply_adds_avx2(int64_t rounds) { return peak(rounds); }
const ck_kernels ck_kernels_avx2 = {2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, NULL};

#pragma clang attribute pop
#endif
