#pragma once
#include "CKernels.h"

/// The kernels of a processor with AMX, its instructions emulated, one by one, in plain C.
const ck_kernels *tile_emulation_kernels(void);

/// The same for bytes.
const ck_q8_kernels *tile_emulation_q8_kernels(void);

/// What the loop that measures a processor's rate counts.
double tile_emulation_multiply_adds(int64_t rounds);
double tile_emulation_q8_multiply_adds(int64_t rounds);
