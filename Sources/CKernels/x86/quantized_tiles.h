// What convolution_tiles.h is to know of bytes. The including file defines `sums_of`: LANES sums from memory.

typedef uint8_t number;
#define GROUP 4
#define SUM int32_t
#define CONVOLUTION ck_q8_convolution
#define VIEW ck_bytes

static inline void finish_lanes(const ck_q8_convolution *layer, const int32_t *sums, ptrdiff_t y, ptrdiff_t x, int32_t c) {
  const ck_q8_finish *finish = &layer->finish;
  put(layer, finished(finish, sums_of(sums), load(finish->scale + c), load(finish->bias + c)), y, x, c);
}

#include "convolution_tiles.h"
