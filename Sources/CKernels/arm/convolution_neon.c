// Convolutions of floats by NEON, which every 64-bit ARM processor has. A `vector` is two of its registers of four floats:
// TILE x 2 x 2 sums, the pixels' next inputs and the weights fill 32 registers.
#if defined(__aarch64__)
#include "../include/CKernels.h"

#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 5
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
#define FOUR_AT_ONCE
#include "../vectors/convolution_f32.h"
#include "../vectors/convolution_vector.h"
#include "../vectors/points_f32.h"
#include "../vectors/winograd_vector.h"

// As many independent multiply-adds as the tile has, on registers alone.
double ck_multiply_adds_neon(int64_t rounds) {
  enum { sums = TILE * 4 };
  four sum[sums] = {}, a = 0, b = 0;
  __asm__ volatile("" : "+w"(a), "+w"(b));
  for (int64_t i = 0; i < rounds; i++) {
#pragma clang loop unroll(full)
    for (int s = 0; s < sums; s++) sum[s] += a * b;
    __asm__ volatile("" : "+w"(a), "+w"(b));
  }
  four total = 0;
  for (int s = 0; s < sums; s++) total += sum[s];
  __asm__ volatile("" : : "w"(total));
  return (double)rounds * sums * 4;
}

const ck_kernels ck_kernels_neon = {2 * LANES, sizeof(number), convolve, depthwise, winograd_in, winograd_out, NULL};
#endif
