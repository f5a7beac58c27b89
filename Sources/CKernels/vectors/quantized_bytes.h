// What the versions with dot products of bytes share. The including file defines `dot` on registers of bytes.

#define GROUP 4
typedef uint8_t number;
typedef int8_t weight;
typedef integers loose_integers __attribute__((aligned(1)));

static inline integers dot_bytes(integers sum, registers_of_bytes a, const weight *w) {
  return dot(sum, (integers)a, *(const loose_integers *)(const void *)w);
}

#include "quantized_vector.h"

static void convolve(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch) {
  (void)scratch;
  convolve_numbers(layer, in.base, in.row, in.pixel, first, last);
}

#define KERNELS(title) { \
  .name = title, .block = 2 * LANES, .depthwise_block = depthwise_block, .group = GROUP, .convolve = convolve, \
  .depthwise = depthwise, .quantize = quantize, \
}
