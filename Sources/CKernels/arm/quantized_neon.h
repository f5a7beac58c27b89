// What the versions for NEON share: vectors are two of its registers each. The including file defines `dot_four`, sums of products
// of signed bytes in one register.

#include <arm_neon.h>
#include <string.h>

#define LANES 8
#define TILE 5
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
#define FOUR_AT_ONCE
// A byte less 128, as a signed one, has its highest bit the other way round; four at a time.
#define LESS_128 ((int32_t)0x80808080)

typedef int32_t integers __attribute__((ext_vector_type(LANES)));
typedef integers signed_lanes;
typedef int32_t four_groups __attribute__((ext_vector_type(4)));
typedef uint8_t registers_of_bytes __attribute__((ext_vector_type(4 * LANES)));

#define LOW(v) __builtin_shufflevector(v, v, 0, 1, 2, 3)
#define HIGH(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)
#define BOTH(low, high) __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7)

static int32x4_t dot_four(int32x4_t sum, int8x16_t a, int8x16_t w);

static inline __attribute__((always_inline)) integers dot(integers sum, integers a, integers w) {
  return BOTH(
      dot_four(LOW(sum), (int8x16_t)LOW(a), (int8x16_t)LOW(w)), dot_four(HIGH(sum), (int8x16_t)HIGH(a), (int8x16_t)HIGH(w)));
}

static inline four_groups four_groups_of(const uint8_t *p) { return (four_groups)vreinterpretq_s32_u8(vld1q_u8(p)) ^ LESS_128; }

typedef float floats __attribute__((ext_vector_type(LANES)));
typedef uint8_t eight_bytes __attribute__((ext_vector_type(LANES), aligned(1)));

// To the nearest, to the even one of two.
static inline integers rounded(floats v, float most) {
  const float32x4_t limit = vdupq_n_f32(most);
  return BOTH(vcvtnq_s32_f32(vminq_f32(LOW(v), limit)), vcvtnq_s32_f32(vminq_f32(HIGH(v), limit)));
}
static inline int16x8_t narrowed(int32x4_t low, int32x4_t high) { return vcombine_s16(vqmovn_s32(low), vqmovn_s32(high)); }
static inline void to_bytes(uint8_t *p, floats v) {
  const integers i = rounded(v, 255);
  vst1_u8(p, vqmovun_s16(narrowed(LOW(i), HIGH(i))));
}
static inline floats from_bytes(const uint8_t *p) { return __builtin_convertvector(*(const eight_bytes *)p, floats); }

// A block of 32 channels is whole, or 16 are left of it.
static inline registers_of_bytes load_bytes(const uint8_t *p, int32_t channels) {
  const uint8x16_t flip = vdupq_n_u8(0x80);
  const uint8x16_t low = vld1q_u8(p) ^ flip, high = channels >= 32 ? vld1q_u8(p + 16) ^ flip : flip;
  registers_of_bytes bytes;
  memcpy(&bytes, &low, 16);
  memcpy((char *)&bytes + 16, &high, 16);
  return bytes;
}
static inline void store_bytes(uint8_t *p, registers_of_bytes bytes, int32_t channels) {
  memcpy(p, &bytes, channels >= 32 ? 32 : 16);
}

// In each half of 16 bytes, as x86's instructions do.
#define IN_HALVES(function, type) \
  ({ \
    registers_of_bytes result; \
    uint8x16_t parts[2][2]; \
    memcpy(parts[0], &a, 32); \
    memcpy(parts[1], &b, 32); \
    for (int half = 0; half < 2; half++) { \
      const type part = function((type)parts[0][half], (type)parts[1][half]); \
      memcpy((char *)&result + 16 * half, &part, 16); \
    } \
    result; \
  })
static inline registers_of_bytes interleave_low_8(registers_of_bytes a, registers_of_bytes b) { return IN_HALVES(vzip1q_u8, uint8x16_t); }
static inline registers_of_bytes interleave_high_8(registers_of_bytes a, registers_of_bytes b) { return IN_HALVES(vzip2q_u8, uint8x16_t); }
static inline registers_of_bytes interleave_low_16(registers_of_bytes a, registers_of_bytes b) { return IN_HALVES(vzip1q_u16, uint16x8_t); }
static inline registers_of_bytes interleave_high_16(registers_of_bytes a, registers_of_bytes b) { return IN_HALVES(vzip2q_u16, uint16x8_t); }

static inline registers_of_bytes packed(integers a, integers b, integers c, integers d) {
  const uint8x16_t halves[2] = {
    vcombine_u8(vqmovun_s16(narrowed(LOW(a), LOW(b))), vqmovun_s16(narrowed(LOW(c), LOW(d)))),
    vcombine_u8(vqmovun_s16(narrowed(HIGH(a), HIGH(b))), vqmovun_s16(narrowed(HIGH(c), HIGH(d)))),
  };
  registers_of_bytes bytes;
  memcpy(&bytes, halves, 32);
  return bytes;
}

#include "../vectors/quantized_bytes.h"

// As many independent dot products as the tile has, on registers alone.
static double peak(int64_t rounds) {
  enum { sums = TILE * 4 };
  int32x4_t sum[sums] = {};
  int8x16_t a = {}, w = {};
  for (int64_t i = 0; i < rounds; i++)
#pragma clang loop unroll(full)
    for (int s = 0; s < sums; s++) {
      __asm__ volatile("" : "+w"(a), "+w"(w));
      sum[s] = dot_four(sum[s], a, w);
      __asm__ volatile("" : "+w"(sum[s]));
    }
  return (double)rounds * sums * 16;
}
