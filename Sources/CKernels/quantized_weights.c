// Weights of bytes, packed in the order in which the kernels read them.
#include "CKernels.h"

#include <string.h>

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// Eight inputs, of which 16 bits hold the sums of four products whatever the inputs: lanes add up the inputs 0, 1, 4, 5 and 2, 3, 6, 7.
static bool fits(const int8_t *weights) {
  for (int32_t lane = 0; lane < 4; lane += 2) {
    int32_t above = 0, below = 0;
    for (int32_t k = lane; k < 8; k += k == lane + 1 ? 3 : 1) {
      if (weights[k] > 0) above += weights[k];
      else below -= weights[k];
    }
    if (above * ck_q8_most_of_7_bits > INT16_MAX || below * ck_q8_most_of_7_bits > INT16_MAX) return false;
  }
  return true;
}

static void pack_7_bits(const int8_t *weights, int32_t channels, int32_t depth, int32_t block, uint8_t *packed) {
  for (int32_t first = 0; first < channels; first += block) {
    const int32_t width = smaller(block, channels - first);
    uint16_t *run = (uint16_t *)(void *)packed;
    memset(run, 0, (size_t)ck_q8_runs_size(depth));
    packed += ck_q8_runs_size(depth);
    for (int32_t k = 0; k < depth; k += 8) {
      bool all = true;
      for (int32_t c = first; c < first + width; c++) all = all && fits(weights + (ptrdiff_t)c * depth + k);
      if (all) ++*run;
      else run++;
    }
    for (int32_t k = 0; k < depth; k += 4)
      for (int32_t c = first; c < first + width; c++, packed += 4) memcpy(packed, weights + (ptrdiff_t)c * depth + k, 4);
  }
}

ptrdiff_t ck_q8_weights_size(
    const ck_q8_kernels *kernels, int32_t channels, int32_t taps, int32_t depth, bool has_7_bits) {
  const ptrdiff_t count = (ptrdiff_t)channels * taps * depth;
  if (!has_7_bits || !kernels->convolve_7_bits) return count * 4 / kernels->group;
  return count + (channels + kernels->block - 1) / kernels->block * ck_q8_runs_size(depth);
}

void ck_q8_pack_weights(
    const ck_q8_kernels *kernels, const int8_t *weights, int32_t channels, int32_t taps, int32_t depth,
    bool has_7_bits, void *packed) {
  const int32_t block = kernels->block, group = kernels->group;
  if (has_7_bits && kernels->convolve_7_bits) {
    pack_7_bits(weights, channels, depth, block, packed);
    return;
  }
  ptrdiff_t at = 0;
  for (int32_t first = 0; first < channels; first += block)
    for (int32_t k = 0; k < taps * depth; k += group)
      for (int32_t c = first; c < first + smaller(block, channels - first); c++)
        for (int32_t i = 0; i < group; i++, at++) {
          const int8_t weight = weights[(ptrdiff_t)c * taps * depth + k + i];
          if (group == 2) ((int16_t *)packed)[at] = weight;
          else ((int8_t *)packed)[at] = weight;
        }
}

static int32_t whole_blocks(int32_t channels, int32_t block) { return (channels + block - 1) / block * block; }

ptrdiff_t ck_q8_depthwise_size(const ck_q8_kernels *kernels, int32_t channels) {
  return (ptrdiff_t)2 * 3 * 4 * whole_blocks(channels, kernels->depthwise_block) * 4 / kernels->group;
}

// Where a block has channel c: interleaving four vectors of bytes works in parts of 16, and leaves the channels
// 4 k ..< 4 k + 4 of every part in vector k.
static int32_t place(int32_t block, int32_t c) { return c % 16 / 4 * (block / 4) + c / 16 * 4 + c % 4; }

void ck_q8_pack_depthwise(const ck_q8_kernels *kernels, const int8_t *weights, int32_t channels, void *packed) {
  const int32_t block = kernels->depthwise_block, lanes = block / 4;
  memset(packed, 0, (size_t)ck_q8_depthwise_size(kernels, channels));
  for (int32_t c = 0; c < channels; c++) {
    const ptrdiff_t start = (ptrdiff_t)(c / block) * 2 * 3 * 4 * block;
    const int32_t at = place(block, c % block);
    for (int32_t output = 0; output < 2; output++)
      for (int32_t ky = 0; ky < 3; ky++)
        for (int32_t kx = 0; kx < 3; kx++) {
          const int8_t weight = weights[(c * 3 + ky) * 3 + kx];
          const int32_t column = kx + output;
          const ptrdiff_t row = start + (output * 3 + ky) * block * 4;
          if (kernels->group == 4) ((int8_t *)packed)[row + at * 4 + column] = weight;
          else ((int16_t *)packed)[row + (at / lanes * 4 + column % 2 * 2) * lanes + at % lanes * 2 + column / 2] = weight;
        }
  }
}

void ck_q8_pack_channels(const ck_q8_kernels *kernels, const float *values, int32_t channels, float *packed) {
  const int32_t block = kernels->depthwise_block;
  memset(packed, 0, sizeof(float) * (size_t)whole_blocks(channels, block));
  for (int32_t c = 0; c < channels; c++) packed[c / block * block + place(block, c % block)] = values[c];
}
