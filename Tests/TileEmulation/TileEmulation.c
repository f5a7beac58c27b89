// The AMX kernel of bfloat16 with its instructions emulated; TDPBF16PS as Intel's manual describes it.
#include "TileEmulation.h"

#include <math.h>

#define LANES 4
#include "../../Sources/CKernels/vectors/vector.h"

#define PAIR 2

typedef uint16_t number;

static vector read(const number *p) {
  vector v;
  for (int i = 0; i < LANES; i++) v[i] = ck_float_of(p[i]);
  return v;
}

static void put(const ck_convolution *layer, ptrdiff_t index, vector v) {
  if (layer->gives_floats) return store(layer->out.base + index, v);
  for (int i = 0; i < LANES; i++) ((number *)(void *)layer->out.base)[index + i] = ck_bf16_of(v[i]);
}

#include "tiles.h"

static float half(int tile, int row, int index) {
  uint16_t bits;
  memcpy(&bits, tiles[tile].bytes[row] + 2 * index, sizeof bits);
  return ck_float_of(bits);
}

static void tile_dot(int sums, int a, int b) {
  const bool is_valid = tiles_fit(sums, a, b);
  for (int m = 0; m < tiles[sums].rows; m++)
    for (int n = 0; n < tiles[sums].row_bytes / 4; n++) {
      float sum = 0, before;
      for (int k = 0; k < tiles[a].row_bytes / 4; k++)
        for (int i = 0; i < 2; i++) sum = fmaf(half(a, m, 2 * k + i), half(b, k, 2 * n + i), sum);
      memcpy(&before, tiles[sums].bytes[m] + 4 * n, sizeof before);
      sum = is_valid ? before + sum : NAN;  // a fault
      memcpy(tiles[sums].bytes[m] + 4 * n, &sum, sizeof sum);
    }
}

#include "../../Sources/CKernels/x86/convolution_tiles_bf16.h"

static void depthwise(const ck_convolution *layer, int32_t y, void *out) {
  ck_bf16_kernels_for(ck_level_scalar)->depthwise(layer, y, out);
}

static const ck_kernels kernels = {2 * tile_columns, sizeof(number), convolve_tiles, depthwise, NULL, NULL, NULL};

const ck_kernels *tile_emulation_kernels(void) { return &kernels; }

double tile_emulation_multiply_adds(int64_t rounds) { return tile_peak(rounds); }
