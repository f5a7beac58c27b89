#if defined(__x86_64__)
#include "../training_rows.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#pragma clang fp contract(fast) reassociate(off)

#include "registers_512.h"
#define BLOCK 32
#define OUTER_TILE 8
#define OUTER_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#include "../vectors/training_vector.h"

const ck_training ck_training_avx512 = TRAINING_TABLE;

#pragma clang attribute pop
#endif
