// As many independent multiply-adds as the tile has, on registers alone.
static double peak(int64_t rounds) {
  vector sum[TILE][2] = {};
  numbers a = {}, b = {};
  __asm__ volatile("" : "+v"(a), "+v"(b));
  for (int64_t i = 0; i < rounds; i++) {
#pragma clang loop unroll(full)
    for (int p = 0; p < TILE; p++)
#pragma clang loop unroll(full)
      for (int r = 0; r < 2; r++) sum[p][r] = multiply_add(sum[p][r], a, b);
    __asm__ volatile("" : "+v"(a), "+v"(b));
  }
  vector total = {};
  for (int p = 0; p < TILE; p++) total += sum[p][0] + sum[p][1];
  __asm__ volatile("" : : "v"(total));
  return (double)rounds * TILE * 2 * LANES * PAIR;
}
