// What a number is to convolution_vector.h: a float.

#include "vector.h"

#define PAIR 1

typedef float number;
typedef loose_vector numbers;

static inline vector spread(const number *p) { return all(*p); }
static inline vector multiply_add(vector sum, vector a, vector w) { return sum + a * w; }
static inline vector read(const number *p) { return load(p); }
static inline void write(number *p, vector v) { store(p, v); }

// To the layer's output.
static inline void put(const ck_convolution *layer, ptrdiff_t index, vector v) { store(layer->out.base + index, v); }
