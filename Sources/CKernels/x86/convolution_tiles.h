// Dense convolutions by AMX: a tile register holds 16 rows of 64 bytes, and one instruction multiplies 16 pixels x 64 bytes of
// their numbers with as many x 16 weights. The weights are packed as for dot products of vectors.
//
// The including file says what numbers are (`number`, GROUP of them in 32 bits, SUM, CONVOLUTION, VIEW), what becomes of the
// LANES sums of a pixel (`finish_lanes`), and what an instruction is: `tile_configure`, `tile_zero`, `tile_load`, `tile_store`,
// `tile_dot`, `tile_release`; the tests include it with emulated ones. NOTE: it has run there only, on no processor with AMX.

#include <string.h>

enum { tile_rows = 16, tile_columns = 16, tile_depth = 64 / (int)sizeof(number) };

// Tiles 0 to 3 hold sums, of the first pixels with both columns, then of the second; 4 and 5 pixels, 6 and 7 weights.
typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_configuration;

static void configure_tiles(int32_t pixels) {
  tile_configuration configuration = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    configuration.row_bytes[i] = 64;
    configuration.rows[i] = (uint8_t)(i < 6 ? pixels : tile_rows);
  }
  tile_configure(&configuration);
}

typedef struct {
  SUM values[4][tile_rows][tile_columns];
} __attribute__((aligned(64))) tile_sums;

// `tile_depth` numbers of all pixels of one or two tiles, with one or two tiles of weights; distances in numbers.
#define DOT_TILES(pixels, columns, in0, in1, in_step, weights0, weights1, weights_step) \
  do { \
    tile_load(6, weights0, (weights_step) * (ptrdiff_t)sizeof(number)); \
    tile_load(4, in0, (in_step) * (ptrdiff_t)sizeof(number)); \
    tile_dot(0, 4, 6); \
    if ((columns) == 2) { \
      tile_load(7, weights1, (weights_step) * (ptrdiff_t)sizeof(number)); \
      tile_dot(1, 4, 7); \
    } \
    if ((pixels) == 2) { \
      tile_load(5, in1, (in_step) * (ptrdiff_t)sizeof(number)); \
      tile_dot(2, 5, 6); \
      if ((columns) == 2) tile_dot(3, 5, 7); \
    } \
  } while (0)

// Both counts are constants where this is inlined.
static inline __attribute__((always_inline)) void sum_tiles(
    const CONVOLUTION *layer, const number *const in[2], ptrdiff_t pixel_step, int32_t rows, const number *weights,
    int pixels, int columns, tile_sums *sums) {
  const ptrdiff_t weights_step = columns * tile_columns * GROUP;
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  for (int32_t t = 0; t < layer->taps; t++) {
    const number *first = in[0] + layer->tap_offset[t], *second = in[1] + layer->tap_offset[t];
    int32_t k = 0;
    for (; k + tile_depth <= layer->depth; k += tile_depth, weights += tile_depth / GROUP * weights_step)
      DOT_TILES(
          pixels, columns, first + k, second + k, pixel_step, weights, weights + tile_columns * GROUP, weights_step);
    const int32_t rest = layer->depth - k;
    if (!rest) continue;
    // Filled up with zeros.
    number some[2][tile_rows][tile_depth] = {}, few[2][tile_rows][tile_columns * GROUP] = {};
    for (int32_t p = 0; p < rows; p++) {
      memcpy(some[0][p], first + p * pixel_step + k, (size_t)rest * sizeof(number));
      if (pixels == 2) memcpy(some[1][p], second + p * pixel_step + k, (size_t)rest * sizeof(number));
    }
    for (int32_t i = 0; i < rest / GROUP; i++, weights += weights_step)
      for (int c = 0; c < columns; c++) memcpy(few[c][i], weights + c * tile_columns * GROUP, sizeof few[c][i]);
    DOT_TILES(pixels, columns, some[0][0], some[1][0], tile_depth, few[0][0], few[1][0], tile_columns * GROUP);
  }
  tile_store(0, sums->values[0], sizeof(SUM) * tile_columns);
  tile_store(1, sums->values[1], sizeof(SUM) * tile_columns);
  tile_store(2, sums->values[2], sizeof(SUM) * tile_columns);
  tile_store(3, sums->values[3], sizeof(SUM) * tile_columns);
}

static void finish_tile(
    const CONVOLUTION *layer, SUM sums[tile_rows][tile_columns], int32_t rows, int32_t y, int32_t x, int32_t channel) {
  for (int32_t c = 0; c < tile_columns; c += LANES)
    for (int32_t p = 0; p < rows; p++) finish_lanes(layer, sums[p] + c, y, x + p, channel + c);
}

static void convolve_tiles(const CONVOLUTION *layer, VIEW in, int32_t first, int32_t last) {
  const int32_t width = layer->width, tiles = (width + tile_rows - 1) / tile_rows;
  // Tiles of equal width; the last one computes some pixels once more.
  const int32_t rows = (width + tiles - 1) / tiles;
  const ptrdiff_t pixel_step = in.pixel * layer->stride;
  tile_sums sums;
  configure_tiles(rows);
  for (int32_t c = 0; c < layer->channels; c += 2 * tile_columns) {
    const number *weights = (const number *)(const void *)layer->weights + (ptrdiff_t)c * layer->taps * layer->depth;
    const int columns = layer->channels - c >= 2 * tile_columns ? 2 : 1;
    for (int32_t y = first; y < last; y++) {
      const number *row = (const number *)(const void *)in.base + y * in.row * layer->stride;
      for (int32_t i = 0; i < tiles; i += 2) {
        const int pixels = i + 1 < tiles ? 2 : 1;
        int32_t x[2] = {i * rows, (i + 1) * rows};
        for (int p = 0; p < 2; p++)
          if (x[p] > width - rows) x[p] = width - rows;
        const number *const places[2] = {row + x[0] * pixel_step, row + x[1] * pixel_step};
        if (pixels == 2 && columns == 2) sum_tiles(layer, places, pixel_step, rows, weights, 2, 2, &sums);
        else if (pixels == 2) sum_tiles(layer, places, pixel_step, rows, weights, 2, 1, &sums);
        else if (columns == 2) sum_tiles(layer, places, pixel_step, rows, weights, 1, 2, &sums);
        else sum_tiles(layer, places, pixel_step, rows, weights, 1, 1, &sums);
        for (int p = 0; p < pixels; p++)
          for (int n = 0; n < columns; n++)
            finish_tile(layer, sums.values[2 * p + n], rows, y, x[p], c + n * tile_columns);
      }
    }
  }
  tile_release();
}

// As many independent products as a block has, on registers alone.
static double tile_peak(int64_t rounds) {
  configure_tiles(tile_rows);
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  tile_zero(4);
  tile_zero(5);
  tile_zero(6);
  tile_zero(7);
  for (int64_t i = 0; i < rounds; i++) {
    tile_dot(0, 4, 6);
    tile_dot(1, 4, 7);
    tile_dot(2, 5, 6);
    tile_dot(3, 5, 7);
  }
  tile_release();
  return (double)rounds * 4 * tile_rows * tile_columns * tile_depth;
}
