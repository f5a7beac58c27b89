#include "CKernels.h"

void ck_normalise_bytes(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_view out) {
  for (int32_t y = 0; y < height; y++) {
    const uint8_t *from = bytes + y * bytes_per_row;
    float *to = out.base + y * out.row;
    for (int32_t i = 0; i < 3 * width; i++) to[i] = ((float)from[i] - 128) * (1.0f / 256);
  }
}

static uint16_t *halves(ck_view view, ptrdiff_t y, ptrdiff_t x) {
  return (uint16_t *)(void *)view.base + y * view.row + x * view.pixel;
}

void ck_bf16_normalise_bytes(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_view out) {
  for (int32_t y = 0; y < height; y++) {
    const uint8_t *from = bytes + y * bytes_per_row;
    uint16_t *to = halves(out, y, 0);
    for (int32_t x = 0; x < width; x++, from += 3, to += 4) {
      // Eight bits are what a bfloat16 holds.
      for (int c = 0; c < 3; c++) to[c] = ck_bf16_of(((float)from[c] - 128) * (1.0f / 256));
      to[3] = 0;
    }
  }
}

void ck_bf16_from_planes(const float *planes, int32_t channels, int32_t height, int32_t width, ck_view out) {
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++)
      for (int32_t c = 0; c < channels; c++)
        halves(out, y, x)[c] = ck_bf16_of(planes[((ptrdiff_t)c * height + y) * width + x]);
}

void ck_bf16_from_view(ck_view in, int32_t channels, int32_t height, int32_t width, ck_view out) {
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++) {
      const float *from = in.base + y * in.row + x * in.pixel;
      uint16_t *to = halves(out, y, x);
      for (int32_t c = 0; c < channels; c++) to[c] = ck_bf16_of(from[c]);
    }
}

void ck_planes_from_view(ck_view in, int32_t channels, int32_t height, int32_t width, float *planes) {
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++) {
      const float *pixel = in.base + y * in.row + x * in.pixel;
      for (int32_t c = 0; c < channels; c++) planes[((ptrdiff_t)c * height + y) * width + x] = pixel[c];
    }
}

void ck_view_from_planes(const float *planes, int32_t channels, int32_t height, int32_t width, ck_view out) {
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++) {
      float *pixel = out.base + y * out.row + x * out.pixel;
      for (int32_t c = 0; c < channels; c++) pixel[c] = planes[((ptrdiff_t)c * height + y) * width + x];
    }
}
