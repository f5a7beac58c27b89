// Without dot products of bytes: products of 16 bits, added up in pairs twice.
#if defined(__aarch64__)
#include "../include/CKernels.h"

#pragma clang fp contract(fast) reassociate(off)
#include "quantized_neon.h"

static inline int32x4_t dot_four(int32x4_t sum, int8x16_t a, int8x16_t w) {
  const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(w))), high = vpaddlq_s16(vmull_high_s8(a, w));
  return vaddq_s32(sum, vpaddq_s32(low, high));
}

double ck_q8_multiply_adds_neon(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_neon = KERNELS("NEON");
#endif
