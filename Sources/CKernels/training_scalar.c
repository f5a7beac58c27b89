// Registers of four floats are what any processor has; the same source as the faster levels.
#include "training_rows.h"

#define LANES 4
#define TILE 4
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4)
#include "x86/training_vector.h"

const ck_training ck_training_scalar = TRAINING_TABLE;
