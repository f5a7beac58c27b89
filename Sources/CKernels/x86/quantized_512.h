// What the 512-bit versions share.

// What no 32-bit integer holds becomes the lowest one, and so the byte 0, unless it is cut off before.
static inline integers rounded(__m512 v, float most) { return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(most), v)); }
static inline void to_bytes(uint8_t *p, __m512 v) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(_mm512_max_epi32(rounded(v, 255), _mm512_setzero_si512())));
}
static inline __m512 from_bytes(const uint8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

static inline __mmask64 first(int32_t channels) { return channels >= 64 ? ~0ull : (1ull << channels) - 1; }
static inline registers_of_bytes load_bytes(const uint8_t *p, int32_t channels) {
  return _mm512_maskz_loadu_epi8(first(channels), p);
}
static inline void store_bytes(uint8_t *p, registers_of_bytes bytes, int32_t channels) {
  _mm512_mask_storeu_epi8(p, first(channels), bytes);
}
#define interleave_low_8 _mm512_unpacklo_epi8
#define interleave_high_8 _mm512_unpackhi_epi8
#define interleave_low_16 _mm512_unpacklo_epi16
#define interleave_high_16 _mm512_unpackhi_epi16
static inline registers_of_bytes packed(integers a, integers b, integers c, integers d) {
  return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}
