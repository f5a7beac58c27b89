// What the 256-bit versions share: everything but `dot` and the types of its operands.

// What no 32-bit integer holds becomes the lowest one, and so the byte 0, unless it is cut off before.
static inline integers rounded(__m256 v, float most) { return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(most), v)); }
static inline void to_bytes(uint8_t *p, __m256 v) {
  integers i = rounded(v, 255);
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
  _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}
static inline __m256 from_bytes(const uint8_t *p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

// A block of 32 channels is whole, or 16 are left of it.
static inline registers_of_bytes load_bytes(const uint8_t *p, int32_t channels) {
  return channels >= 32 ? _mm256_loadu_si256((const __m256i *)p)
                        : _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)p));
}
static inline void store_bytes(uint8_t *p, registers_of_bytes bytes, int32_t channels) {
  if (channels >= 32) _mm256_storeu_si256((__m256i *)p, bytes);
  else _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(bytes));
}
#define interleave_low_8 _mm256_unpacklo_epi8
#define interleave_high_8 _mm256_unpackhi_epi8
#define interleave_low_16 _mm256_unpacklo_epi16
#define interleave_high_16 _mm256_unpackhi_epi16
static inline registers_of_bytes packed(integers a, integers b, integers c, integers d) {
  return _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
}
