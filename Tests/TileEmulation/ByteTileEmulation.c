// The AMX kernel of bytes with its instructions emulated; TDPBUSD as Intel's manual describes it.
#include "TileEmulation.h"

#include <limits.h>
#include <math.h>

#define LANES 4
typedef int32_t integers __attribute__((ext_vector_type(LANES)));
typedef integers signed_lanes;
typedef float floats __attribute__((ext_vector_type(LANES)));

static floats from_bytes(const uint8_t *p) {
  floats v;
  for (int i = 0; i < LANES; i++) v[i] = p[i];
  return v;
}

static void to_bytes(uint8_t *p, floats v) {
  for (int i = 0; i < LANES; i++) p[i] = (uint8_t)lrintf(v[i] < 0 ? 0 : v[i] > 255 ? 255 : v[i]);
}

#include "../../Sources/CKernels/vectors/quantized_finish.h"
#include "tiles.h"

static void tile_dot(int sums, int a, int b) {
  const bool is_valid = tiles_fit(sums, a, b);
  for (int m = 0; m < tiles[sums].rows; m++)
    for (int n = 0; n < tiles[sums].row_bytes / 4; n++) {
      int32_t sum;
      memcpy(&sum, tiles[sums].bytes[m] + 4 * n, sizeof sum);
      for (int k = 0; k < tiles[a].row_bytes / 4; k++)
        for (int i = 0; i < 4; i++) sum += tiles[a].bytes[m][4 * k + i] * (int8_t)tiles[b].bytes[k][4 * n + i];
      if (!is_valid) sum = INT_MIN;  // a fault
      memcpy(tiles[sums].bytes[m] + 4 * n, &sum, sizeof sum);
    }
}

static integers sums_of(const int32_t *p) { return (integers){p[0], p[1], p[2], p[3]}; }

#include "../../Sources/CKernels/x86/quantized_tiles.h"

static const ck_q8_kernels *reference(void) { return ck_q8_kernels_for(ck_level_scalar); }
static void convolve(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch) {
  (void)scratch;
  convolve_tiles(layer, in, first, last);
}
static void depthwise(const ck_q8_convolution *layer, int32_t y, uint8_t *out) { reference()->depthwise(layer, y, out); }
static void quantize(const float *in, int32_t channels, const float *factor, float zero, uint8_t *out) {
  reference()->quantize(in, channels, factor, zero, out);
}

// The reference's depthwise part has blocks of 16 channels.
static const ck_q8_kernels kernels = {
  .name = "AMX, emulated", .block = 2 * tile_columns, .depthwise_block = 16, .group = GROUP, .convolve = convolve,
  .depthwise = depthwise, .quantize = quantize,
};

const ck_q8_kernels *tile_emulation_q8_kernels(void) { return &kernels; }

double tile_emulation_q8_multiply_adds(int64_t rounds) { return tile_peak(rounds); }
