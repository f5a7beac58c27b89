#if defined(__x86_64__)
#include "../include/CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#include "registers_512.h"

typedef __m512i integers, registers_of_bytes;
typedef int32_t signed_lanes __attribute__((ext_vector_type(LANES)));

static inline integers dot(integers sum, integers a, integers w) { return _mm512_dpbusd_epi32(sum, a, w); }
#include "quantized_512.h"

#include "../vectors/quantized_bytes.h"
#include "quantized_peak.h"

double ck_q8_multiply_adds_avx512vnni(int64_t rounds) { return peak(rounds); }
const ck_q8_kernels ck_q8_kernels_avx512vnni = KERNELS("AVX-512 VNNI");

#pragma clang attribute pop
#endif
