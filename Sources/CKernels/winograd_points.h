// The points of Winograd's transforms are 0, +-NEAR, +-FAR and infinity. Those of Lavin and Gray, 1 and 2, need fewer
// multiplications but let rounding errors grow twice as large; all numbers here are exact in binary.
#pragma once
#include "CKernels.h"

// Points of a tile; output channels that weights are packed in at most.
enum { points = 36, most_block = 32 };

#define NEAR 0.75
#define FAR 1.5
#define NEAR2 (NEAR * NEAR)
#define FAR2 (FAR * FAR)
// A point's product of differences from the other finite points, which divides a row of G.
#define NEAR_DIVISOR (2 * NEAR2 * (NEAR2 - FAR2))
#define FAR_DIVISOR (2 * FAR2 * (FAR2 - NEAR2))
