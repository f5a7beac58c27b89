// Registers of four floats are what any processor has; the same source as the faster levels.
#include "training_rows.h"

#define LANES 4
#define BLOCK 16
#define TILE 2
#define TILE_CASES CASE(1) CASE(2)
#define OUTER_TILE 2
#define OUTER_CASES CASE(1) CASE(2)
#include "vectors/training_vector.h"

const ck_training ck_training_scalar = TRAINING_TABLE;
