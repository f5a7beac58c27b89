#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define TILE 6
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

typedef __m256i integers, registers_of_bytes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

static inline integers dot(integers sum, integers a, integers w) { return _mm256_dpbusd_avx_epi32(sum, a, w); }

#include "quantized_256.h"
#include "../vectors/quantized_bytes.h"
#include "quantized_peak.h"

double ck_q8_multiply_adds_avxvnni(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_avxvnni = KERNELS("AVX-VNNI");

#pragma clang attribute pop
#endif
