// Vectors of LANES floats, for files that are compiled once per register width.

typedef float vector __attribute__((ext_vector_type(LANES)));
typedef float loose_vector __attribute__((ext_vector_type(LANES), aligned(4)));
typedef int32_t lanes_of_int __attribute__((ext_vector_type(LANES)));

static inline vector load(const float *p) { return *(const loose_vector *)p; }
static inline void store(float *p, vector v) { *(loose_vector *)p = v; }
static inline vector all(float x) { return x; }
// What is not a number in `a` stays so: broken weights are to be seen.
static inline vector larger(vector a, vector b) { return a < b ? b : a; }

// exp(x) - 1 for x <= 0 to about 1e-7: 2^n times a polynomial in the rest, |rest| <= ln 2 / 2 (Taylor, degree 7).
static inline vector exp_minus_1(vector x) {
  x = larger(x, all(-87));
  vector shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the rounded integer
  lanes_of_int n = (lanes_of_int)shifted - 0x4B400000;
  vector rounded = shifted - 12582912.0f;
  vector r = x - rounded * 0.693359375f;
  r = r - rounded * -2.12194440e-4f;
  vector p = all(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  vector q = p * r * r + r;  // exp(rest) - 1, without the cancellation of adding 1 first
  vector scale = (vector)((n + 127) << 23);
  return q * scale + (scale - 1.0f);
}

static inline vector activate(ck_activation activation, vector v) {
  if (activation == ck_activation_relu) return larger(v, all(0));
  if (activation == ck_activation_elu) return v > all(0) ? v : exp_minus_1(v);
  return v;
}
