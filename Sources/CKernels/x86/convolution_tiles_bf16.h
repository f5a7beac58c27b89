// What convolution_tiles.h is to know of bfloat16.

#define GROUP PAIR
#define SUM float
#define CONVOLUTION ck_convolution
#define VIEW ck_view

static inline void finish_lanes(const ck_convolution *layer, const float *sums, ptrdiff_t y, ptrdiff_t x, int32_t c) {
  vector v = activate(layer->activation, load(sums) + load(layer->bias + c));
  if (layer->residual.base)
    v += read(
        (const number *)(const void *)layer->residual.base + y * layer->residual.row + x * layer->residual.pixel + c);
  put(layer, y * layer->out.row + x * layer->out.pixel + c, v);
}

#include "convolution_tiles.h"
