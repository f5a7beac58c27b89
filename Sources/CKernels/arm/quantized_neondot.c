// Dot products of signed bytes: ARMv8.2's, and from ARMv8.4 on every processor's.
#if defined(__aarch64__)
#include "../include/CKernels.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)
#include "quantized_neon.h"

static inline int32x4_t dot_four(int32x4_t sum, int8x16_t a, int8x16_t w) { return vdotq_s32(sum, w, a); }

double ck_q8_multiply_adds_neondot(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_neondot = KERNELS("NEON dot products");

#pragma clang attribute pop
#endif
