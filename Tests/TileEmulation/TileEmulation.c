// The AMX kernel of posecam with its instructions in plain C, as Intel's Software Developer's Manual describes them (volume 2:
// LDTILECFG, TILEZERO, TILELOADD, TILESTORED, TDPBF16PS).
#include "TileEmulation.h"

#include <math.h>
#include <string.h>

#define LANES 4
#include "../../Sources/CKernels/x86/vector.h"

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

static _Thread_local struct {
  int rows, row_bytes;
  uint8_t bytes[16][64];
} tiles[8];

static void tile_configure(const void *address) {
  // Palette 1: bytes of a row at 16, rows at 48; what is reserved must be 0.
  const uint8_t *bytes = address;
  memset(tiles, 0, sizeof tiles);
  bool is_valid = bytes[0] == 1 && bytes[1] == 0;
  for (int i = 2; i < 16; i++) is_valid = is_valid && bytes[i] == 0;
  for (int i = 8; i < 16; i++) is_valid = is_valid && bytes[16 + 2 * i] == 0 && bytes[17 + 2 * i] == 0 && bytes[48 + i] == 0;
  for (int i = 0; i < 8; i++) {
    const int row_bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8, rows = bytes[48 + i];
    is_valid = is_valid && row_bytes <= 64 && rows <= 16 && (row_bytes == 0) == (rows == 0);
    if (!is_valid) return;  // a fault; here all tiles stay unusable
    tiles[i].row_bytes = row_bytes;
    tiles[i].rows = rows;
  }
}

static void tile_release(void) { memset(tiles, 0, sizeof tiles); }
static void tile_zero(int tile) { memset(tiles[tile].bytes, 0, sizeof tiles[tile].bytes); }

static void tile_load(int tile, const void *address, ptrdiff_t step) {
  tile_zero(tile);
  for (int i = 0; i < tiles[tile].rows; i++)
    memcpy(tiles[tile].bytes[i], (const char *)address + i * step, (size_t)tiles[tile].row_bytes);
}

static void tile_store(int tile, void *address, ptrdiff_t step) {
  for (int i = 0; i < tiles[tile].rows; i++)
    memcpy((char *)address + i * step, tiles[tile].bytes[i], (size_t)tiles[tile].row_bytes);
}

static float half(int tile, int row, int index) {
  uint16_t bits;
  memcpy(&bits, tiles[tile].bytes[row] + 2 * index, sizeof bits);
  return ck_float_of(bits);
}

static void tile_dot(int sums, int a, int b) {
  const bool is_valid = tiles[sums].rows > 0 && tiles[sums].rows == tiles[a].rows &&
                        tiles[sums].row_bytes == tiles[b].row_bytes && tiles[a].row_bytes == 4 * tiles[b].rows;
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

#include "../../Sources/CKernels/x86/convolution_tiles.h"

static void depthwise(const ck_convolution *layer, int32_t y, void *out) {
  ck_bf16_kernels_for(ck_level_scalar)->depthwise(layer, y, out);
}

static const ck_kernels kernels = {2 * tile_columns, sizeof(number), convolve_tiles, depthwise, NULL, NULL, NULL};

const ck_kernels *tile_emulation_kernels(void) { return &kernels; }

double tile_emulation_multiply_adds(int64_t rounds) { return tile_peak(rounds); }
