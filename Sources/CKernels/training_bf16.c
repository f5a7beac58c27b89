// The reference of products of bfloat16.
#include "include/CKernels.h"

static void product(
    int32_t pixels, int32_t depth, const uint16_t *in, ptrdiff_t in_panel, const uint16_t *weights, int32_t columns, float *out,
    ptrdiff_t out_panel) {
  for (int32_t p = 0; p < pixels; p++)
    for (int32_t c = 0; c < columns; c++) {
      float sum = 0;
      for (int32_t k = 0; k < depth; k++)
        sum += ck_float_of(in[k / 16 * in_panel + p * 16 + k % 16]) *
               ck_float_of(weights[(k / 2 * columns + c) * 2 + k % 2]);
      out[c / 16 * out_panel + p * 16 + c % 16] = sum;
    }
}

static void outer(
    int32_t pairs, const uint16_t *in, ptrdiff_t in_panel, int32_t inputs, const uint16_t *gradient, ptrdiff_t gradient_panel,
    int32_t outputs, float *sums) {
  for (int32_t i = 0; i < inputs; i++)
    for (int32_t o = 0; o < outputs; o++) {
      const uint16_t *a = in + i / 16 * in_panel + i % 16 * 2, *b = gradient + o / 16 * gradient_panel + o % 16 * 2;
      float sum = 0;
      for (int32_t p = 0; p < 2 * pairs; p++)
        sum += ck_float_of(a[p / 2 * 32 + p % 2]) * ck_float_of(b[p / 2 * 32 + p % 2]);
      sums[(ptrdiff_t)i * outputs + o] += sum;
    }
}

static const ck_bf16 reference = {product, outer, NULL, NULL};

const ck_bf16 *ck_bf16_reference(void) { return &reference; }

#if defined(__x86_64__)
extern const ck_bf16 ck_bf16_avx512;

const ck_bf16 *ck_bf16_fast(void) { return ck_has_avx512_bf16() ? &ck_bf16_avx512 : NULL; }
#else
const ck_bf16 *ck_bf16_fast(void) { return NULL; }
#endif
