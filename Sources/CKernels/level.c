#define _GNU_SOURCE
#include "CKernels.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// XCR0: which registers the operating system saves. Bits 1, 2: AVX; 5, 6, 7: AVX-512; 17, 18: AMX.
static uint64_t saved_registers(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
  __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return ((uint64_t)d << 32) | a;
}

ck_level ck_level_detected(void) {
  static _Atomic int known = -1;
  if (known >= 0) return (ck_level)known;
  uint64_t saved = saved_registers();
  __builtin_cpu_init();
  ck_level level = ck_level_scalar;
  if ((saved & 6) == 6 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    level = ck_level_avx2;
    if ((saved & 0xE6) == 0xE6 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
      level = ck_level_avx512;
  }
  known = level;
  return level;
}

static uint32_t leaf7(uint32_t subleaf, int word) {
  uint32_t registers[4] = {0};
  __get_cpuid_count(7, subleaf, &registers[0], &registers[1], &registers[2], &registers[3]);
  return registers[word];
}

bool ck_has_avx512_vnni(void) { return ck_level_detected() == ck_level_avx512 && (leaf7(0, 2) >> 11 & 1); }
bool ck_has_avx_vnni(void) { return ck_level_detected() >= ck_level_avx2 && (leaf7(1, 0) >> 4 & 1); }

bool ck_has_avx512_bf16(void) { return ck_level_detected() == ck_level_avx512 && (leaf7(1, 0) >> 5 & 1); }

// Linux gives a process the tile registers when it asks for them (arch_prctl ARCH_REQ_XCOMP_PERM, XTILEDATA).
static bool may_use_tiles(void) {
#if defined(__linux__)
  return (saved_registers() >> 17 & 3) == 3 && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

extern const ck_kernels ck_kernels_amx;
extern const ck_q8_kernels ck_q8_kernels_amx;

// The kernels were written without a processor to run them on: they are tried before anyone relies on them.
bool ck_has_amx_bf16(void) {
  static _Atomic int known = -1;
  if (known < 0)
    known = ck_has_avx512_bf16() && (leaf7(0, 3) >> 24 & 1) && (leaf7(0, 3) >> 22 & 1) && may_use_tiles() &&
            ck_bf16_kernels_are_right(&ck_kernels_amx);
  return known;
}

bool ck_has_amx_int8(void) {
  static _Atomic int known = -1;
  if (known < 0)
    known = ck_has_avx512_vnni() && (leaf7(0, 3) >> 24 & 1) && (leaf7(0, 3) >> 25 & 1) && may_use_tiles() &&
            ck_q8_kernels_are_right(&ck_q8_kernels_amx);
  return known;
}

const char *ck_processor_features(void) {
  static _Thread_local char text[256];
  uint32_t a = 0, b1 = 0, c1 = 0, d1 = 0, b7 = 0, c7 = 0, d7 = 0, a71 = 0, unused;
  __get_cpuid(1, &a, &b1, &c1, &d1);
  __get_cpuid_count(7, 0, &a, &b7, &c7, &d7);
  __get_cpuid_count(7, 1, &a71, &unused, &unused, &unused);
  const struct { const char *name; bool present; } features[] = {
    {"sse4.2", c1 >> 20 & 1}, {"avx", c1 >> 28 & 1}, {"fma", c1 >> 12 & 1}, {"f16c", c1 >> 29 & 1},
    {"avx2", b7 >> 5 & 1}, {"avx512f", b7 >> 16 & 1}, {"avx512bw", b7 >> 30 & 1}, {"avx512vl", b7 >> 31 & 1},
    {"avx512_vnni", c7 >> 11 & 1}, {"avx512_bf16", a71 >> 5 & 1}, {"avx_vnni", a71 >> 4 & 1},
    {"amx_tile", d7 >> 24 & 1}, {"amx_bf16", d7 >> 22 & 1}, {"amx_int8", d7 >> 25 & 1},
  };
  text[0] = 0;
  for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
    if (!features[i].present) continue;
    if (text[0]) strcat(text, " ");
    strcat(text, features[i].name);
  }
  return text;
}
#else
bool ck_has_avx_vnni(void) { return false; }
bool ck_has_avx512_vnni(void) { return false; }
bool ck_has_avx512_bf16(void) { return false; }
bool ck_has_amx_bf16(void) { return false; }
bool ck_has_amx_int8(void) { return false; }
#endif

#if defined(__aarch64__)
ck_level ck_level_detected(void) { return ck_level_neon; }

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
bool ck_has_neon_dot(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#else
bool ck_has_neon_dot(void) { return false; }
#endif

const char *ck_processor_features(void) { return ck_has_neon_dot() ? "neon dotprod" : "neon"; }
#else
bool ck_has_neon_dot(void) { return false; }
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
ck_level ck_level_detected(void) { return ck_level_scalar; }
const char *ck_processor_features(void) { return ""; }
#endif
