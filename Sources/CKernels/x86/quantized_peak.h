// As many independent dot products as the tile has, on registers alone.
static double peak(int64_t rounds) {
  integers sum[TILE][2] = {};
  integers a = {}, w = {};
  for (int64_t i = 0; i < rounds; i++) {
#pragma clang loop unroll(full)
    for (int p = 0; p < TILE; p++)
#pragma clang loop unroll(full)
      for (int r = 0; r < 2; r++) {
        // Each anew: without dot products of its own, a processor's products would be made once for all.
        __asm__ volatile("" : "+v"(a), "+v"(w));
        sum[p][r] = dot(sum[p][r], a, w);
        __asm__ volatile("" : "+v"(sum[p][r]));
      }
  }
  return (double)rounds * TILE * 2 * LANES * GROUP;
}
