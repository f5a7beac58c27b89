#if defined(__aarch64__)
#include "../training_rows.h"

#pragma clang fp contract(fast) reassociate(off)

#define LANES 8
#define BLOCK 16
#define TILE 6
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define OUTER_TILE 6
#define OUTER_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#include "../vectors/training_vector.h"

const ck_training ck_training_neon = TRAINING_TABLE;
#endif
