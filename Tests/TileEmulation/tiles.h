// The registers and instructions of AMX in plain C, as Intel's Software Developer's Manual describes them (volume 2: LDTILECFG,
// TILEZERO, TILELOADD, TILESTORED); what multiplies them is the including file's.

#include <stdbool.h>
#include <string.h>

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

// Whether tiles of these shapes can be multiplied; others are a fault.
static bool tiles_fit(int sums, int a, int b) {
  return tiles[sums].rows > 0 && tiles[sums].rows == tiles[a].rows && tiles[sums].row_bytes == tiles[b].row_bytes &&
         tiles[a].row_bytes == 4 * tiles[b].rows;
}
