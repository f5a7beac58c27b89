// The arithmetic of posecam's networks.
//
// Pictures are NHWC: the channels of one pixel lie side by side, so that a convolution is a product of a row of pixels with a
// matrix of weights, at every precision. Every operation has a reference in plain C and faster versions per processor level;
// `ck_kernels_for` gives the table of one level.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: processor

/// What a processor can do, in the order of speed. A processor that has one of x86's levels has those before it; NEON is ARM's.
typedef enum { ck_level_scalar, ck_level_neon, ck_level_avx2, ck_level_avx512 } ck_level;

/// The highest level that processor and operating system support. Detected once.
ck_level ck_level_detected(void);

/// Dot products of bytes, in the forms they come in.
bool ck_has_avx_vnni(void);
bool ck_has_avx512_vnni(void);
bool ck_has_neon_dot(void);

/// Dot products of bfloat16.
bool ck_has_avx512_bf16(void);

/// Products of matrices of bfloat16, which the operating system lets this process use, and which come out right.
bool ck_has_amx_bf16(void);

/// The same with bytes.
bool ck_has_amx_int8(void);

/// Names of the features found that matter here ("avx2 fma avx512f avx512_vnni amx_int8", "neon dotprod"), for people.
const char *ck_processor_features(void);

/// Measures what one core reaches at `level` with f32 multiply-adds on registers, in 10^9 per second; takes about 20 ms.
double ck_measure_peak(ck_level level);

/// The same with the dot products of bfloat16 of `ck_bf16_kernels_for(level)`; 0 if there are none.
double ck_measure_bf16_peak(ck_level level);

/// Whether the processor's dot products of bfloat16 do clearly more than its f32 multiply-adds; takes about 4 ms.
bool ck_bf16_is_fast(void);

/// The same with the dot products of bytes that the best of `ck_q8_kernels_for(level)` uses.
double ck_measure_q8_peak(ck_level level);

// MARK: threads

typedef struct ck_pool ck_pool;

/// Work `index` of a batch, on thread `thread` (0 is the caller's).
typedef void (*ck_task)(const void *context, int32_t index, int32_t thread);

/// Starts `threads - 1` helpers; NULL if that fails.
ck_pool *ck_pool_create(int32_t threads);
void ck_pool_destroy(ck_pool *pool);
int32_t ck_pool_threads(const ck_pool *pool);

/// Runs the tasks 0 ..< count on all threads and returns when all are done.
void ck_pool_run(ck_pool *pool, ck_task task, const void *context, int32_t count);

// MARK: bfloat16: the upper halves of floats

static inline float ck_float_of(uint16_t half) {
  const uint32_t bits = (uint32_t)half << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

/// Rounded to the nearest, to the even one of two.
static inline uint16_t ck_bf16_of(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if (value != value) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// MARK: convolution

/// A picture inside a larger one: address of pixel (0, 0), and the distances of rows and pixels, in floats. The kernels of
/// bfloat16 find their numbers there instead, and distances count those.
typedef struct {
  float *base;
  ptrdiff_t row;
  ptrdiff_t pixel;
} ck_view;

typedef enum { ck_activation_none, ck_activation_relu, ck_activation_elu } ck_activation;

enum { ck_most_taps = 9 };

/// A 3 × 3 depthwise convolution with its own bias and activation, run before a pointwise one row by row, through the cache.
typedef struct {
  /// [9][channels], kernel row-major; NULL if there is none.
  const float *weights;
  const float *bias;
  int32_t channels;
  int32_t stride;
  int32_t dilation;
  ck_activation activation;
} ck_depthwise;

/// out = activation(in * weights + bias) + residual, for one picture.
///
/// The weights of `taps` places around each pixel: place t begins `tap_offset[t]` floats after the pixel and holds `depth`
/// consecutive floats. A row of a 3 × 3 kernel over NHWC is one such place of 3 × channels.
///
/// For the kernels of bfloat16 the three pictures and `weights` hold bfloat16, summed in f32; biases and the depthwise part's weights
/// stay f32.
typedef struct {
  ck_view in;
  ck_view out;
  /// base is NULL if there is none.
  ck_view residual;
  int32_t height;
  int32_t width;
  /// Pixels of `in` per pixel of `out`, both ways. With a depthwise part: its stride is there, this one is 1.
  int32_t stride;
  int32_t taps;
  int32_t depth;
  ptrdiff_t tap_offset[ck_most_taps];
  /// Output channels, a multiple of 16. [channels / block][taps][depth][block], the last block may be half; of bfloat16, with an
  /// even depth, [channels / block][taps][depth / 2][block][2].
  int32_t channels;
  const float *weights;
  const float *bias;
  ck_activation activation;
  /// `out` is f32 all the same; it has no margin then, and there is no residual.
  bool gives_floats;
  /// Pixels around `out` that are set to zero, so that a later 3 × 3 kernel needs no bounds.
  int32_t margin;
  ck_depthwise depthwise;
  /// The dilation of a 3 x 3 kernel that is computed by Winograd's transforms, 0 otherwise. Then `depth` is a multiple of 16,
  /// weights come from `ck_winograd_weights`, `taps` and their offsets are not used, and rows per task are rows of tiles.
  int32_t winograd;
  /// Rows one task works on; room for its depthwise rows or transforms, `scratch_size` floats per thread.
  int32_t rows_per_task;
  float *scratch;
  ptrdiff_t scratch_size;
} ck_convolution;

/// One level's versions for one kind of numbers.
typedef struct ck_kernels {
  /// Output channels per block of packed weights.
  int32_t block;
  /// Bytes of a number: 4, or 2 for bfloat16.
  int32_t size;
  /// Rows first ..< last of the pointwise or dense part, reading `in` (which may be the scratch of the depthwise part).
  void (*convolve)(const ck_convolution *layer, ck_view in, int32_t first, int32_t last);
  /// One output row y of the depthwise part.
  void (*depthwise)(const ck_convolution *layer, int32_t y, void *out);
  /// The tile at pixel (y, x) to 36 points `step` numbers of `products` apart, and from there `channels` of the output from
  /// `first` on. NULL where a direct sum is all there is.
  void (*winograd_in)(const ck_convolution *layer, int32_t y, int32_t x, void *points, ptrdiff_t step);
  void (*winograd_out)(
      const ck_convolution *layer, int32_t y, int32_t x, int32_t first, int32_t channels, const float *points,
      ptrdiff_t step);
  /// The kernels, with blocks as large, of the products between the transforms; NULL if it is these.
  const struct ck_kernels *products;
} ck_kernels;

const ck_kernels *ck_kernels_for(ck_level level);

/// The reference, or the best of those with the processor's products of bfloat16; NULL if the level has none.
const ck_kernels *ck_bf16_kernels_for(ck_level level);

/// Every version that this processor can run, the reference first, then with AVX512-BF16, then with AMX, until NULL.
const ck_kernels *ck_bf16_version(int32_t index);

/// Whether a small layer of whole numbers comes out right, to the last bit.
bool ck_bf16_kernels_are_right(const ck_kernels *kernels);

/// Runs a whole layer on the pool.
void ck_convolve(const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer);

// MARK: Winograd's transforms

/// Tiles along a side of `size` pixels.
int32_t ck_winograd_tiles(int32_t size, int32_t dilation);

/// First pixel of tile `index` along a side of `size` pixels; `size` after the last.
int32_t ck_winograd_origin(int32_t size, int32_t dilation, int32_t index);

/// Floats of scratch for a task of so many tiles.
ptrdiff_t ck_winograd_scratch(int32_t tiles, int32_t depth);

/// [outputs][inputs][3][3], times a factor per output, to [channels / block][36][depth][block] or, of bfloat16,
/// [channels / block][36][depth / 2][block][2]; `packed` holds zeros before.
void ck_winograd_weights(
    const float *weights, const float *scale, int32_t inputs, int32_t outputs, int32_t channels, int32_t depth,
    int32_t block, bool is_bf16, void *packed);

/// Rows first ..< last of tiles.
void ck_winograd_rows(
    const ck_kernels *kernels, const ck_convolution *layer, int32_t first, int32_t last, float *scratch);

// MARK: convolution of bytes
//
// A byte q stands for (q - zero) * scale, with a scale and a zero of its own for every picture; weights are signed bytes with a
// scale per output channel. Sums are exact 32-bit integers; what happens to them on the way out is done in f32.

/// A picture of bytes inside a larger one, as `ck_view`; distances in bytes.
typedef struct {
  uint8_t *base;
  ptrdiff_t row;
  ptrdiff_t pixel;
} ck_bytes;

/// A sum becomes v = activation(sum * scale[c] + bias[c]) * factor, to which the residual may be added, and is stored as
/// round(v + zero), from 0 to 255. Zeros of the input are part of the bias. Only an ELU needs a factor; elsewhere it is 1.
typedef struct {
  const float *scale;
  const float *bias;
  ck_activation activation;
  float factor;
  float zero;
} ck_q8_finish;

/// A 3 x 3 depthwise part, as `ck_depthwise`.
typedef struct {
  /// From `ck_q8_pack_depthwise`; NULL if there is none.
  const void *weights;
  /// scale and bias from `ck_q8_pack_channels`.
  ck_q8_finish finish;
  /// Results are stored from 0 to here: `ck_q8_most_of_7_bits` or 255.
  float most;
  int32_t channels;
  int32_t stride;
  int32_t dilation;
} ck_q8_depthwise;

/// Where processors add up products of bytes in 16 bits, these hold two products of bytes of 7 bits with any weights, and four with
/// all but the largest.
enum { ck_q8_most_of_7_bits = 127 };

/// As `ck_convolution`, Winograd's transforms included; places hold `depth` bytes, a multiple of 4.
typedef struct {
  ck_bytes in;
  /// One of the two has a base: bytes, or f32 without zero and residual.
  ck_bytes out;
  ck_view floats;
  /// base is NULL if there is none; adds (byte - residual_zero) * residual_factor[c].
  ck_bytes residual;
  float residual_zero;
  const float *residual_factor;
  int32_t height;
  int32_t width;
  int32_t stride;
  int32_t taps;
  int32_t depth;
  ptrdiff_t tap_offset[ck_most_taps];
  /// A multiple of 16.
  int32_t channels;
  /// From `ck_q8_pack_weights`, or with Winograd's transforms from `ck_q8_winograd_weights`.
  const void *weights;
  ck_q8_finish finish;
  /// Pixels around `out` that are set to the byte that stands for 0.
  int32_t margin;
  ck_q8_depthwise depthwise;
  /// A dilation or 0, as there.
  int32_t winograd;
  /// Of the scratch a task takes `ck_q8_scratch` bytes.
  int32_t rows_per_task;
  uint8_t *scratch;
  ptrdiff_t scratch_size;
} ck_q8_convolution;

/// Bytes from the first that so many rows of a layer read of `in` to the last.
static inline ptrdiff_t ck_q8_span(const ck_q8_convolution *layer, ck_bytes in, int32_t rows) {
  return ((rows - 1) * in.row + (layer->width - 1) * in.pixel) * layer->stride + layer->tap_offset[layer->taps - 1] -
         layer->tap_offset[0] + layer->depth;
}

/// One version: reference, NEON, NEON with dot products, AVX2, AVX-VNNI, AVX-512 VNNI, AMX.
typedef struct ck_q8_kernels {
  const char *name;
  /// Output channels per block of packed weights, and channels per block of the depthwise part.
  int32_t block;
  int32_t depthwise_block;
  /// Inputs that an instruction multiplies and adds up: 4 bytes, or 2 of 16 bits, into which bytes are widened first.
  int32_t group;
  /// Rows first ..< last, reading `in`; widened bytes go to `scratch`.
  void (*convolve)(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last, void *scratch);
  void (*depthwise)(const ck_q8_convolution *layer, int32_t y, uint8_t *out);
  /// As `convolve`, for what follows a depthwise part whose results have 7 bits; NULL where that gains nothing.
  void (*convolve_7_bits)(const ck_q8_convolution *layer, ck_bytes in, int32_t first, int32_t last);
  /// round(value * factor[c] + zero) of `channels` floats, a multiple of 16.
  void (*quantize)(const float *in, int32_t channels, const float *factor, float zero, uint8_t *out);
  /// The tile at pixel (y, x) to 36 points `step` numbers apart; `tiles` x `depth` of them times [depth / 2][channels][2]
  /// weights, a row of sums every `block`; and from there `channels` of the output from `first` on. NULL where direct sums are
  /// faster.
  void (*winograd_in)(const ck_q8_convolution *layer, int32_t y, int32_t x, int16_t *points, ptrdiff_t step);
  void (*winograd_products)(
      const int16_t *in, int32_t tiles, int32_t depth, const int16_t *weights, int32_t channels, int32_t *out);
  void (*winograd_out)(
      const ck_q8_convolution *layer, int32_t y, int32_t x, int32_t first, int32_t channels, const int32_t *points,
      ptrdiff_t step);
} ck_q8_kernels;

/// The best version that the processor has within `level`.
const ck_q8_kernels *ck_q8_kernels_for(ck_level level);

/// Every version that this processor can run, the reference first, until NULL.
const ck_q8_kernels *ck_q8_version(int32_t index);

/// Whether a small layer of whole numbers comes out right.
bool ck_q8_kernels_are_right(const ck_q8_kernels *kernels);

/// Bytes before a block for `convolve_7_bits`.
static inline ptrdiff_t ck_q8_runs_size(int32_t depth) { return (depth / 8 + 1 + 15) / 16 * 32; }

/// Bytes that `ck_q8_pack_weights` writes.
ptrdiff_t ck_q8_weights_size(
    const ck_q8_kernels *kernels, int32_t channels, int32_t taps, int32_t depth, bool has_7_bits);

/// [channels][taps][depth] to [channels / block][taps][depth / group][block][group], numbers of 4 / group bytes; the last block
/// may be narrower. For `convolve_7_bits`, every block [depth / 4][block][4] comes after `ck_q8_runs_size` bytes of numbers of 16
/// bits: how often eight inputs in a row fit, which is to say that 16 bits hold the sums of inputs 0, 1, 4, 5 and 2, 3, 6, 7 for all
/// of the block's channels, before eight come that do not; and so on to the end of the depth.
void ck_q8_pack_weights(
    const ck_q8_kernels *kernels, const int8_t *weights, int32_t channels, int32_t taps, int32_t depth,
    bool has_7_bits, void *packed);

/// Bytes that `ck_q8_pack_depthwise` writes for so many channels.
ptrdiff_t ck_q8_depthwise_size(const ck_q8_kernels *kernels, int32_t channels);

/// [channels][3][3] to [channels / block][2][3][block][4]: the four places of a row that two neighbouring outputs read, for
/// the one and for the other. Of 16 bits, in every quarter of a block the even places before the odd ones.
void ck_q8_pack_depthwise(const ck_q8_kernels *kernels, const int8_t *weights, int32_t channels, void *packed);

/// Values per channel in the order in which a depthwise block has its sums; `packed` has room for whole blocks.
void ck_q8_pack_channels(const ck_q8_kernels *kernels, const float *values, int32_t channels, float *packed);

/// [outputs][inputs][3][3] to [channels / block][36][depth / 2][block][2]; `packed` holds zeros before. False if sums of so
/// large weights might not fit in 32 bits.
bool ck_q8_winograd_weights(
    const int8_t *weights, int32_t inputs, int32_t outputs, int32_t channels, int32_t depth, int32_t block,
    int16_t *packed);

/// Rows first ..< last of tiles.
void ck_q8_winograd_rows(
    const ck_q8_kernels *kernels, const ck_q8_convolution *layer, int32_t first, int32_t last, void *scratch);

/// Bytes of scratch for a task of so many tiles.
ptrdiff_t ck_q8_winograd_scratch(int32_t tiles, int32_t depth, int32_t block);

/// Bytes of scratch for a task of so many rows of a layer that reads `in`.
ptrdiff_t ck_q8_scratch(const ck_q8_kernels *kernels, const ck_q8_convolution *layer, ck_bytes in, int32_t rows);

/// Runs a whole layer on the pool.
void ck_q8_convolve(const ck_q8_kernels *kernels, ck_pool *pool, const ck_q8_convolution *layer);

/// A picture of floats to bytes: round(value * factor[c] + zero).
typedef struct {
  ck_view in;
  ck_bytes out;
  int32_t height;
  int32_t width;
  /// A multiple of 16.
  int32_t channels;
  const float *factor;
  float zero;
  /// Pixels around `out` that are set to the byte that stands for 0.
  int32_t margin;
} ck_q8_quantization;

void ck_q8_quantize(const ck_q8_kernels *kernels, ck_pool *pool, const ck_q8_quantization *picture);

/// Pixels of 3 bytes to pixels of 4, the last one 0.
void ck_q8_pixels(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_bytes out);

// MARK: pictures in and out

/// (value - 128) / 256 of `width` × `height` pixels of 3 bytes into the NHWC input of a network.
void ck_normalise_bytes(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_view out);

/// Channels 0 ..< channels of an NHWC picture into planes (C, H, W), and back.
void ck_planes_from_view(ck_view in, int32_t channels, int32_t height, int32_t width, float *planes);
void ck_view_from_planes(const float *planes, int32_t channels, int32_t height, int32_t width, ck_view out);

/// The same inputs of a network of bfloat16: pixels of 4 numbers, the last one 0.
void ck_bf16_normalise_bytes(const uint8_t *bytes, ptrdiff_t bytes_per_row, int32_t width, int32_t height, ck_view out);
void ck_bf16_from_planes(const float *planes, int32_t channels, int32_t height, int32_t width, ck_view out);

/// Floats to bfloat16, `channels` of every pixel.
void ck_bf16_from_view(ck_view in, int32_t channels, int32_t height, int32_t width, ck_view out);

#include "Training.h"
