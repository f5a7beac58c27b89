// How Winograd's transforms keep points: as bfloat16, for products by AVX512-BF16.

typedef uint16_t point;

static inline void put_point(point *p, vector v) {
  _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh((__m512)v));
}
