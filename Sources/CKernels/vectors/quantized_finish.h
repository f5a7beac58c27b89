// What becomes of sums of products of bytes. The including file defines LANES (32-bit numbers per register), `integers`,
// `signed_lanes`, `from_bytes` and `to_bytes`.

typedef float vector __attribute__((ext_vector_type(LANES)));
typedef float loose_vector __attribute__((ext_vector_type(LANES), aligned(4)));

static inline vector load(const float *p) { return *(const loose_vector *)p; }
static inline vector all(float x) { return x; }
static inline vector larger(vector a, vector b) { return a > b ? a : b; }

// exp(x) - 1 for x <= 0, far closer than a byte can tell: (1 + x / 256 + x^2 / 2 / 256^2)^256 - 1.
static inline vector exp_minus_1(vector x) {
  x = larger(x, all(-16)) * (1.0f / 256);
  vector p = (x * 0.5f + 1.0f) * x + 1.0f;
  for (int i = 0; i < 8; i++) p = p * p;
  return p - 1.0f;
}

static inline vector activated(const ck_q8_finish *finish, vector v) {
  if (finish->activation == ck_activation_none) return v;
  if (finish->activation == ck_activation_relu) return larger(v, all(0));
  return (v > all(0) ? v : exp_minus_1(v)) * finish->factor;
}

static inline vector finished(
    const ck_q8_finish *finish, integers sum, vector scale, vector bias) {
  return activated(finish, __builtin_convertvector((signed_lanes)sum, vector) * scale + bias);
}

// LANES results of one pixel, to the layer's output.
static inline __attribute__((always_inline)) void put(
    const ck_q8_convolution *layer, vector v, ptrdiff_t y, ptrdiff_t x, int32_t c) {
  if (layer->floats.base) {
    *(loose_vector *)(layer->floats.base + y * layer->floats.row + x * layer->floats.pixel + c) = v;
    return;
  }
  if (layer->residual.base)
    v += (from_bytes(layer->residual.base + y * layer->residual.row + x * layer->residual.pixel + c) -
          layer->residual_zero) * load(layer->residual_factor + c);
  to_bytes(layer->out.base + y * layer->out.row + x * layer->out.pixel + c, v + layer->finish.zero);
}
