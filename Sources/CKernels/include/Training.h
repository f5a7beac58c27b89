// What training needs beside the forward convolutions: gradients, batch norm with batch statistics, the loss and Adam.
//
// A batch is `count` pictures of one size whose channels are padded with zeros to a multiple of 16. Pictures that 3 x 3 kernels
// read are NHWC with margins of zeros as wide as those reach. Others may lie in panels of 16 channels, one after the other,
// each with all pixels. Sums over pixels are taken in parts and an order that do not depend on the number of threads.
#pragma once
#include "CKernels.h"

/// Address of pixel (0, 0) of the first picture, and the distances of pictures, panels of 16 channels, rows and pixels, in
/// numbers.
typedef struct {
  void *base;
  ptrdiff_t picture;
  ptrdiff_t panel;
  ptrdiff_t row;
  ptrdiff_t pixel;
  /// Numbers are bfloat16, the upper halves of floats. Only 1 x 1 and depthwise layers read and write them.
  bool is_bf16;
  /// In panels, and too large to be in a cache when it is read: written past the caches.
  bool is_streamed;
} ck_pictures;

/// Channels are a multiple of 16.
typedef struct {
  int32_t count;
  int32_t height;
  int32_t width;
  int32_t channels;
} ck_extent;

/// A 3 x 3 or 1 x 1 kernel's places around a pixel.
typedef struct {
  int32_t size;
  int32_t stride;
  int32_t dilation;
} ck_window;

/// The output's gradient in the tile whose first pixel is `tile` to 36 points of Winograd's transform, `step` numbers apart; `rows`
/// and `columns` of the tile's 4 x 4 pixels are inside the picture.
typedef void (*ck_gradient_points)(
    const float *tile, ptrdiff_t row, ptrdiff_t pixel, int32_t rows, int32_t columns, int32_t channels, void *points,
    ptrdiff_t step);

/// Products of bfloat16 (the upper halves of floats), summed in f32. Numbers come in pairs that are multiplied and added at once.
typedef struct {
  /// out[m][0 ..< columns] = sum over k of in[k / 16][m][k % 16] * weights[k / 2][columns][k % 2], in panels of 16 columns, 16 or
  /// 32 at once. Panels of `in` and `out` are so many numbers apart.
  void (*product)(
      int32_t pixels, int32_t depth, const uint16_t *in, ptrdiff_t in_panel, const uint16_t *weights, int32_t columns,
      float *out, ptrdiff_t out_panel);
  /// sums[i][0 ..< outputs] += sum over pixels p of in[i / 16][p / 2][i % 16][p % 2] * gradient, which lies as `in` does. Channels
  /// are multiples of 16; sums' rows are `outputs` apart.
  void (*outer)(
      int32_t pairs, const uint16_t *in, ptrdiff_t in_panel, int32_t inputs, const uint16_t *gradient,
      ptrdiff_t gradient_panel, int32_t outputs, float *sums);
  /// To bfloat16; NULL where a direct sum is all there is.
  ck_gradient_points winograd_gradient;
  /// Of floats, but with products of bfloat16 between Winograd's transforms.
  const ck_kernels *convolution;
} ck_bf16;

/// Plain C, and with the processor's dot products of bfloat16 (AVX512-BF16), NULL if it has none.
const ck_bf16 *ck_bf16_reference(void);
const ck_bf16 *ck_bf16_fast(void);

/// One level's versions; `ck_training_for` gives the table.
typedef struct ck_training ck_training;
const ck_training *ck_training_for(ck_level level);

// MARK: convolution

/// `layer` for every picture: its `in` and `out` are those of the first, further ones lie so many floats apart. Its residual, if
/// any, is its own output, which is then added to.
void ck_convolve_pictures(
    const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer, int32_t count, ptrdiff_t in_picture,
    ptrdiff_t out_picture);

/// What a layer reads: activation(values * scale + shift), computed on the way in. Without scale it is activation(values).
typedef struct {
  ck_pictures values;
  const float *scale;
  const float *shift;
  ck_activation activation;
} ck_source;

/// The gradient of what a layer gave, from that of activation(values * scale + shift), `values` being what the layer gave. The
/// layer's own activation comes without scale; then `values` are what it made.
typedef struct {
  ck_pictures gradient;
  /// base is NULL if there is neither activation nor batch norm.
  ck_pictures values;
  const float *scale;
  const float *shift;
  ck_activation activation;
  /// Of batch norm: its gradient is gradient * scale + values * slope + offset where the activation lets the gradient through.
  /// NULL if there is none.
  const float *slope;
  const float *offset;
} ck_output_gradient;

/// Where the gradient of a layer's source goes, which is stored or added.
typedef struct {
  ck_pictures gradient;
  bool adds;
  /// Where batch norm gave the source: its mean, and room for the sums that its own gradient takes, [parts][2][channels]; see
  /// `ck_norm_sums`. NULL otherwise.
  const float *mean;
  float *sums;
} ck_input_gradient;

/// A 1 x 1 convolution of a batch, out = activation(in * weights + bias).
typedef struct {
  /// Of what it gives.
  ck_extent extent;
  /// Channels of what it reads, a multiple of 16.
  int32_t inputs;
  /// Channels without padding.
  int32_t real_inputs;
  int32_t real_outputs;
  ck_source in;
  ck_pictures out;
  /// NULL if there is none.
  const float *bias;
  ck_activation activation;
  /// What multiplies bfloat16; NULL for products of f32.
  const ck_bf16 *bf16;
  /// Room for `ck_pointwise_scratch` floats.
  float *scratch;
} ck_pointwise;

int32_t ck_pointwise_parts(ck_extent extent);
ptrdiff_t ck_pointwise_scratch(const ck_training *level, ck_extent extent, int32_t inputs, int32_t threads);

/// `weights` are from `ck_pack_weights`, in bfloat16 if that is multiplied. `moments` receives those of what it gives, `ck_pointwise_parts` parts, unless it is NULL.
void ck_pointwise_forward(
    const ck_training *level, ck_pool *pool, const ck_pointwise *layer, const void *weights, float *moments);

/// `weights` are packed transposed; without an input gradient they are not used. The gradients of the weights
/// [outputs][inputs] and of the bias, unless that is NULL, are added to.
void ck_pointwise_backward(
    const ck_training *level, ck_pool *pool, const ck_pointwise *layer, const ck_output_gradient *out_gradient,
    const void *weights, const ck_input_gradient *in_gradient, float *weights_gradient, float *bias_gradient);

/// A 3 x 3 convolution of every channel by itself, out = activation(in * weights).
typedef struct {
  /// Of what it gives.
  ck_extent extent;
  /// Size of what it reads.
  int32_t height;
  int32_t width;
  ck_window window;
  ck_source in;
  ck_pictures out;
  /// [channels / 16][9][16]
  const float *weights;
  ck_activation activation;
  /// Room for `ck_depthwise_scratch` floats.
  float *scratch;
} ck_depthwise_layer;

int32_t ck_depthwise_parts(const ck_depthwise_layer *layer);
ptrdiff_t ck_depthwise_scratch(const ck_depthwise_layer *layer, int32_t threads);

/// `moments` as in `ck_pointwise_forward`.
void ck_depthwise_forward(const ck_training *level, ck_pool *pool, const ck_depthwise_layer *layer, float *moments);

/// The gradient of the weights, [channels][9], is added to; there may be no input gradient.
void ck_depthwise_backward(
    const ck_training *level, ck_pool *pool, const ck_depthwise_layer *layer, const ck_output_gradient *out_gradient,
    const ck_input_gradient *in_gradient, int32_t channels, float *weights_gradient);

/// The gradient of a dense convolution's weights, [taps][inputs][outputs]; `extent` is that of the output.
void ck_dense_weights(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, int32_t inputs,
    ck_pictures out_gradient, float *gradient);

/// A 3 x 3 convolution without stride whose gradients are taken by Winograd's transforms.
typedef struct {
  /// Of what it gives.
  ck_extent extent;
  int32_t dilation;
  /// Channels without padding, and with that of the pictures.
  int32_t inputs;
  int32_t depth;
  ck_pictures in;
  ck_pictures out_gradient;
  /// What multiplies bfloat16, whose kernels then make the points; NULL for products of f32.
  const ck_bf16 *bf16;
  /// Room for `ck_winograd_weights_scratch` floats.
  float *scratch;
} ck_winograd_layer;
ptrdiff_t ck_winograd_weights_scratch(const ck_winograd_layer *layer, int32_t threads);

/// The gradient of the weights, as `ck_dense_weights`.
void ck_winograd_dense_weights(
    const ck_kernels *kernels, const ck_training *level, ck_pool *pool, const ck_winograd_layer *layer, float *gradient);

/// [taps][inputs][channels of out] to PyTorch's [outputs][inputs][taps], added.
void ck_unpack_gradient(
    const float *packed, int32_t inputs, int32_t outputs, int32_t channels, int32_t taps, float *gradient);

/// PyTorch's weights to those that `ck_convolution` reads.
typedef struct {
  /// [outputs][inputs][taps]
  const float *weights;
  int32_t inputs;
  int32_t outputs;
  int32_t taps;
  /// To those with which the gradient of the input is computed from the gradient of the output: taps reversed, inputs and
  /// outputs exchanged.
  bool is_transposed;
  /// To the points of Winograd's transforms; `depth` is then that of the pictures, padding included.
  bool is_winograd;
  /// Of what the packed weights read and, a multiple of 16, write.
  int32_t depth;
  int32_t channels;
  int32_t block;
  /// Of 1 x 1 kernels and Winograd's points: in bfloat16, as `ck_bf16` reads them.
  bool is_bf16;
  void *packed;
} ck_packing;
void ck_pack_weights(const ck_training *level, ck_pool *pool, const ck_packing *packing);

// MARK: between convolutions

/// Parts of the sums over all pixels that the following take.
int32_t ck_band_parts(ck_extent extent);

/// Floats of one part of the moments of so many channels.
ptrdiff_t ck_moments_size(int32_t channels);

/// The moments of every channel, `ck_band_parts` parts.
void ck_batch_moments(const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, float *moments);

/// Mean and (biased) variance of every channel.
void ck_join_moments(const float *moments, int32_t parts, int32_t channels, float *mean, float *variance);

/// out = what a layer would read.
void ck_normalise(const ck_training *level, ck_pool *pool, ck_extent extent, const ck_source *in, ck_pictures out);

/// Sums of the gradient and of the gradient times the value less its mean, in parts, [ck_band_parts][2][channels]. `in` is what
/// batch norm read and what was made of it; `gradient` counts where the activation lets it through.
void ck_norm_sums(
    const ck_training *level, ck_pool *pool, ck_extent extent, const ck_source *in, const float *mean,
    ck_pictures gradient, float *sums);

/// [parts][2][channels] to [2][channels].
void ck_join_sums(const float *sums, int32_t parts, int32_t channels, double *joined);

/// out = the gradient of what a layer gave; may be in the place of either of what it is made from. Its sums over all pixels are
/// added to `bias_gradient` unless that is NULL; `partials` has room for `ck_band_parts` * channels floats then.
void ck_take_slope(
    const ck_training *level, ck_pool *pool, ck_extent extent, const ck_output_gradient *gradient, ck_pictures out,
    float *partials, int32_t channels, float *bias_gradient);

/// out = a + b.
void ck_add(ck_pool *pool, ck_extent extent, ck_pictures a, ck_pictures b, ck_pictures out);

/// `channels` of every pixel, any number: out = in, or out += in.
void ck_copy_channels(
    ck_pool *pool, ck_extent extent, int32_t channels, ck_pictures in, bool adds, ck_pictures out);

// MARK: loss and weights

/// sum(((out - target) * mask)^2) / 2 / count, and its gradient, stored or added, times `factor`. Target (N, channels, H, W),
/// mask (N, 1, H, W).
double ck_masked_squares(
    ck_extent extent, int32_t channels, ck_pictures out, const float *target, const float *mask, float factor, bool adds,
    ck_pictures gradient);

/// Planes (N, channels, H, W) into pictures.
void ck_pictures_from_planes(ck_pool *pool, const float *planes, int32_t channels, ck_extent extent, ck_pictures out);

double ck_sum_of_squares(const float *values, ptrdiff_t count);

/// One step of Adam (Kingma and Ba, 2015): `decay` adds the weights to the gradient, `decoupled` shrinks the weights instead
/// (AdamW, Loshchilov and Hutter, 2019). `gradient` is multiplied by `factor` first.
typedef struct {
  float rate;
  float beta1;
  float beta2;
  float epsilon;
  float decay;
  float decoupled;
  float factor;
  /// 1 - beta^step.
  float correction1;
  float correction2;
} ck_adam;
void ck_adam_step(
    const ck_adam *adam, ptrdiff_t count, const float *gradient, float *weights, float *mean, float *square);

/// values += (target - values) * share
void ck_move_towards(ptrdiff_t count, const float *target, float share, float *values);
