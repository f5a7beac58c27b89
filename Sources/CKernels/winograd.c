// Winograd's minimal filtering F(4 x 4, 3 x 3): 36 products instead of 144 for 16 outputs.
//
// out = A^T ((G g G^T) . (B^T d B)) A for every tile of 6 x 6 inputs d; the sum over input channels is taken between the
// transforms, as 36 products of matrices [tiles][depth] x [depth][channels].
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. Samples `dilation` pixels apart are a
// picture of their own, so a dilated kernel is the same thing on dilation x dilation pictures.
#include "winograd_points.h"

enum { tile = 4, apart = 16 };

static int32_t divided_up(int32_t value, int32_t by) { return (value + by - 1) / by; }

// First pixel of tile `index` along a side of `size` pixels; `size` after the last. Pixels phase, phase + dilation, ... form
// one picture after the other.
int32_t ck_winograd_origin(int32_t size, int32_t dilation, int32_t index) {
  for (int32_t phase = 0; phase < dilation && phase < size; phase++) {
    int32_t tiles = divided_up(divided_up(size - phase, dilation), tile);
    if (index < tiles) return phase + index * tile * dilation;
    index -= tiles;
  }
  return size;
}

int32_t ck_winograd_tiles(int32_t size, int32_t dilation) {
  int32_t tiles = 0;
  while (ck_winograd_origin(size, dilation, tiles) < size) tiles++;
  return tiles;
}

// `apart` keeps the same tile's points out of the same cache set.
static ptrdiff_t point_step(int32_t tiles, int32_t channels) { return (ptrdiff_t)tiles * channels + apart; }

ptrdiff_t ck_winograd_scratch(int32_t tiles, int32_t depth) {
  return points * (point_step(tiles, depth) + point_step(tiles, most_block));
}

void ck_winograd_weights(
    const float *weights, const float *scale, int32_t inputs, int32_t outputs, int32_t channels, int32_t depth,
    int32_t block, bool is_bf16, void *packed) {
  const int32_t pair = is_bf16 ? 2 : 1;
  const double near = 1 / NEAR_DIVISOR, far = 1 / FAR_DIVISOR;
  const double g[6][3] = {
    {1 / (NEAR2 * FAR2), 0, 0},
    {near, near * NEAR, near * NEAR2}, {near, -near * NEAR, near * NEAR2},
    {far, far * FAR, far * FAR2}, {far, -far * FAR, far * FAR2},
    {0, 0, 1},
  };
  for (int32_t output = 0; output < outputs; output++) {
    const int32_t first = output / block * block;
    const int32_t width = channels - first < block ? channels - first : block;
    const ptrdiff_t start = (ptrdiff_t)first * points * depth + (output - first) * pair;
    for (int32_t input = 0; input < inputs; input++) {
      const float *kernel = weights + ((ptrdiff_t)output * inputs + input) * 9;
      double half[6][3];
      for (int i = 0; i < 6; i++)
        for (int x = 0; x < 3; x++) half[i][x] = g[i][0] * kernel[x] + g[i][1] * kernel[3 + x] + g[i][2] * kernel[6 + x];
      for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
          const float value =
              (float)((half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2]) * scale[output]);
          const ptrdiff_t place =
              start + ((ptrdiff_t)(i * 6 + j) * depth + input / pair * pair) * width + input % pair;
          if (is_bf16) ((uint16_t *)packed)[place] = ck_bf16_of(value);
          else ((float *)packed)[place] = value;
        }
    }
  }
}

void ck_winograd_rows(
    const ck_kernels *kernels, const ck_convolution *layer, int32_t first, int32_t last, float *scratch) {
  const ck_kernels *products = kernels->products ? kernels->products : kernels;
  static const float no_bias[most_block];
  const int32_t dilation = layer->winograd, depth = layer->depth, block = kernels->block;
  const int32_t columns = ck_winograd_tiles(layer->width, dilation), tiles = (last - first) * columns;
  const ptrdiff_t in_step = point_step(tiles, depth), out_step = point_step(tiles, block), size = products->size;
  char *in = (char *)scratch;
  float *out = scratch + points * in_step;

  for (int32_t i = 0; i < tiles; i++)
    kernels->winograd_in(
        layer, ck_winograd_origin(layer->height, dilation, first + i / columns), ck_winograd_origin(layer->width, dilation, i % columns),
        in + i * depth * size, in_step);

  ck_convolution product = {
    .out.pixel = block, .height = 1, .width = tiles, .stride = 1, .taps = 1, .depth = depth, .bias = no_bias,
    .gives_floats = true,
  };
  // A block of output channels at a time, so that its products are transformed while they are in the cache.
  for (int32_t c = 0; c < layer->channels; c += block) {
    product.channels = layer->channels - c < block ? layer->channels - c : block;
    for (int32_t point = 0; point < points; point++) {
      product.weights = (const float *)((const char *)layer->weights + (c * points + point * product.channels) * depth * size);
      product.out.base = out + point * out_step;
      products->convolve(&product, (ck_view){.base = (float *)(in + point * in_step * size), .pixel = depth}, 0, 1);
    }
    for (int32_t i = 0; i < tiles; i++)
      kernels->winograd_out(
          layer, ck_winograd_origin(layer->height, dilation, first + i / columns), ck_winograd_origin(layer->width, dilation, i % columns), c,
          product.channels, out + (ptrdiff_t)i * block, out_step);
  }
}
