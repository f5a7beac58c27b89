#define _GNU_SOURCE
#include "CKernels.h"

#include <time.h>

#if defined(__x86_64__)
double ck_multiply_adds_avx2(int64_t rounds);
double ck_multiply_adds_avx512(int64_t rounds);
double ck_multiply_adds_avx512bf16(int64_t rounds);
double ck_multiply_adds_amx(int64_t rounds);
double ck_q8_multiply_adds_avx2(int64_t rounds);
double ck_q8_multiply_adds_avxvnni(int64_t rounds);
double ck_q8_multiply_adds_avx512vnni(int64_t rounds);
double ck_q8_multiply_adds_amx(int64_t rounds);
extern const ck_q8_kernels ck_q8_kernels_avx2, ck_q8_kernels_avxvnni, ck_q8_kernels_avx512vnni, ck_q8_kernels_amx;
#elif defined(__aarch64__)
double ck_multiply_adds_neon(int64_t rounds);
double ck_q8_multiply_adds_neon(int64_t rounds);
double ck_q8_multiply_adds_neondot(int64_t rounds);
#endif

static double multiply_adds_scalar(int64_t rounds) {
  enum { lanes = 32 };
  volatile float factor = 1, term = 1e-9f;
  float sum[lanes] = {0}, a = factor, b = term;
  for (int64_t i = 0; i < rounds; i++)
    for (int lane = 0; lane < lanes; lane++) sum[lane] = sum[lane] * a + b;
  for (int lane = 0; lane < lanes; lane++) term = term + sum[lane];
  return (double)rounds * lanes;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// The best of many short runs: a longer one would measure who else uses the machine.
static double best_rate_in(double time, double (*kernel)(int64_t)) {
  double best = 0;
  for (double end = seconds() + time; seconds() < end;) {
    double start = seconds();
    double count = kernel(20000);
    double rate = count / (seconds() - start);
    if (rate > best) best = rate;
  }
  return best / 1e9;
}

static double best_rate(double (*kernel)(int64_t)) { return best_rate_in(0.02, kernel); }

double ck_measure_peak(ck_level level) {
  double (*kernel)(int64_t) = multiply_adds_scalar;
#if defined(__x86_64__)
  if (level == ck_level_avx2) kernel = ck_multiply_adds_avx2;
  if (level == ck_level_avx512) kernel = ck_multiply_adds_avx512;
#elif defined(__aarch64__)
  if (level == ck_level_neon) kernel = ck_multiply_adds_neon;
#endif
  return best_rate(kernel);
}

double ck_measure_bf16_peak(ck_level level) {
#if defined(__x86_64__)
  if (level == ck_level_avx512 && ck_has_amx_bf16()) return best_rate(ck_multiply_adds_amx);
  if (level == ck_level_avx512 && ck_has_avx512_bf16()) return best_rate(ck_multiply_adds_avx512bf16);
#endif
  return level == ck_level_scalar ? best_rate(multiply_adds_scalar) : 0;
}

bool ck_bf16_is_fast(void) {
#if defined(__x86_64__)
  const double time = 0.002;
  if (ck_has_amx_bf16()) return true;
  return ck_has_avx512_bf16() &&
         best_rate_in(time, ck_multiply_adds_avx512bf16) > 1.4 * best_rate_in(time, ck_multiply_adds_avx512);
#else
  return false;
#endif
}

double ck_measure_q8_peak(ck_level level) {
  double (*kernel)(int64_t) = multiply_adds_scalar;
#if defined(__x86_64__)
  const ck_q8_kernels *kernels = ck_q8_kernels_for(level);
  if (kernels == &ck_q8_kernels_avx2) kernel = ck_q8_multiply_adds_avx2;
  if (kernels == &ck_q8_kernels_avxvnni) kernel = ck_q8_multiply_adds_avxvnni;
  if (kernels == &ck_q8_kernels_avx512vnni) kernel = ck_q8_multiply_adds_avx512vnni;
  if (kernels == &ck_q8_kernels_amx) kernel = ck_q8_multiply_adds_amx;
#elif defined(__aarch64__)
  if (level == ck_level_neon) kernel = ck_has_neon_dot() ? ck_q8_multiply_adds_neondot : ck_q8_multiply_adds_neon;
#endif
  return best_rate(kernel);
}
