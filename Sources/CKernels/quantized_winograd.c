// Winograd's minimal filtering F(4 x 4, 3 x 3) of bytes, in whole numbers up to the sums; see winograd.c.
//
// With the points 0, +-1, +-2 and infinity of Lavin and Gray, B^T has whole numbers only, and so has G but for a factor per row,
// which is left to A^T. Of bytes, B^T d B stays within 16 bits, and so does G g G^T: their products and sums are exact, as those
// of a direct convolution are, and only what is done to the sums is rounded.
#include "winograd_points.h"

#include <stdlib.h>

// Rows of G without their factors 1/4, -1/6, -1/6, 1/24, 1/24, 1.
static const int32_t g[6][3] = {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};
// What a row of B^T makes of ones at its positive, at its negative places.
static const int32_t positive[6] = {5, 2, 5, 3, 3, 5}, negative[6] = {5, 8, 5, 3, 3, 5};

// `apart` keeps the same tile's points out of the same cache set.
enum { apart = 32 };
static ptrdiff_t in_step(int32_t tiles, int32_t depth) { return (ptrdiff_t)tiles * depth + apart; }
static ptrdiff_t out_step(int32_t tiles, int32_t block) { return (ptrdiff_t)tiles * block + apart; }

ptrdiff_t ck_q8_winograd_scratch(int32_t tiles, int32_t depth, int32_t block) {
  return points * (in_step(tiles, depth) * (ptrdiff_t)sizeof(int16_t) + out_step(tiles, block) * (ptrdiff_t)sizeof(int32_t));
}

bool ck_q8_winograd_weights(
    const int8_t *weights, int32_t inputs, int32_t outputs, int32_t channels, int32_t depth, int32_t block,
    int16_t *packed) {
  for (int32_t output = 0; output < outputs; output++) {
    const int32_t first = output / block * block;
    const int32_t width = channels - first < block ? channels - first : block;
    int64_t sums[points] = {0};
    for (int32_t input = 0; input < inputs; input++) {
      const int8_t *kernel = weights + ((ptrdiff_t)output * inputs + input) * 9;
      for (int i = 0; i < 6; i++) {
        int32_t half[3];
        for (int x = 0; x < 3; x++) half[x] = g[i][0] * kernel[x] + g[i][1] * kernel[3 + x] + g[i][2] * kernel[6 + x];
        for (int j = 0; j < 6; j++) {
          const int32_t value = half[0] * g[j][0] + half[1] * g[j][1] + half[2] * g[j][2], point = i * 6 + j;
          sums[point] += abs(value);
          packed[(ptrdiff_t)first * points * depth + ((ptrdiff_t)(point * depth + input) / 2 * width + output - first) * 2 +
                 input % 2] = (int16_t)value;
        }
      }
    }
    for (int i = 0; i < 6; i++)
      for (int j = 0; j < 6; j++) {
        const int32_t same = positive[i] * positive[j] + negative[i] * negative[j];
        const int32_t other = positive[i] * negative[j] + negative[i] * positive[j];
        if (sums[i * 6 + j] * 255 * (same > other ? same : other) > INT32_MAX) return false;
      }
  }
  return true;
}

void ck_q8_winograd_rows(
    const ck_q8_kernels *kernels, const ck_q8_convolution *layer, int32_t first, int32_t last, void *scratch) {
  const int32_t dilation = layer->winograd, depth = layer->depth, block = kernels->block;
  const int32_t columns = ck_winograd_tiles(layer->width, dilation), tiles = (last - first) * columns;
  const ptrdiff_t from = in_step(tiles, depth), to = out_step(tiles, block);
  int16_t *in = scratch;
  int32_t *out = (int32_t *)(void *)(in + points * from);

  for (int32_t i = 0; i < tiles; i++)
    kernels->winograd_in(
        layer, ck_winograd_origin(layer->height, dilation, first + i / columns),
        ck_winograd_origin(layer->width, dilation, i % columns), in + (ptrdiff_t)i * depth, from);

  // A block of output channels at a time, so that its products are transformed while they are in the cache.
  for (int32_t c = 0; c < layer->channels; c += block) {
    const int32_t channels = layer->channels - c < block ? layer->channels - c : block;
    for (int32_t point = 0; point < points; point++)
      kernels->winograd_products(
          in + point * from, tiles, depth,
          (const int16_t *)layer->weights + ((ptrdiff_t)c * points + point * channels) * depth, channels, out + point * to);
    for (int32_t i = 0; i < tiles; i++)
      kernels->winograd_out(
          layer, ck_winograd_origin(layer->height, dilation, first + i / columns),
          ck_winograd_origin(layer->width, dilation, i % columns), c, channels, out + (ptrdiff_t)i * block, to);
  }
}
