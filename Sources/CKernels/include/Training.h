// What training needs beside the forward convolutions: gradients, batch norm with batch statistics, the loss and Adam.
//
// A batch is `count` pictures of one size, NHWC, channels padded with zeros to a multiple of 16, with margins of zeros as wide
// as the kernels that read them reach. Sums over pixels are taken in an order that does not depend on the number of threads.
#pragma once
#include "CKernels.h"

/// Address of pixel (0, 0) of the first picture, and the distances of pictures, rows and pixels, in floats.
typedef struct {
  float *base;
  ptrdiff_t picture;
  ptrdiff_t row;
  ptrdiff_t pixel;
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

/// One level's versions; `ck_training_for` gives the table.
typedef struct ck_training ck_training;
const ck_training *ck_training_for(ck_level level);

// MARK: convolution

/// `layer` for every picture: its `in` and `out` are those of the first, further ones lie so many floats apart. Its residual, if
/// any, is its own output, which is then added to.
void ck_convolve_pictures(
    const ck_kernels *kernels, ck_pool *pool, const ck_convolution *layer, int32_t count, ptrdiff_t in_picture,
    ptrdiff_t out_picture);

/// out = in * weights, every channel by itself; weights [9][channels].
void ck_depthwise_forward(
    const ck_training *level, ck_pool *pool, ck_extent out_extent, ck_window window, ck_pictures in, const float *weights,
    ck_activation activation, ck_pictures out);

/// The gradient of a depthwise convolution's input, stored or added; `extent` is that of the input. The output's gradient has a
/// margin of zeros.
void ck_depthwise_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures out_gradient,
    const float *weights, bool adds, ck_pictures gradient);

/// The gradient of a depthwise convolution's weights, [9][channels]; `extent` is that of the output.
void ck_depthwise_weights(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, ck_pictures out_gradient,
    float *partials, float *gradient);

/// The gradient of a dense convolution's weights, [taps][inputs][outputs]; `extent` is that of the output.
void ck_dense_weights(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_window window, ck_pictures in, int32_t inputs,
    ck_pictures out_gradient, float *gradient);

/// The same by Winograd's transforms, for 3 x 3 kernels without stride: `depth` is that of the pictures of `in`, padding
/// included. `scratch` has room for `ck_winograd_weights_scratch` floats.
void ck_winograd_dense_weights(
    const ck_kernels *kernels, const ck_training *level, ck_pool *pool, ck_extent extent, int32_t dilation,
    ck_pictures in, int32_t inputs, int32_t depth, ck_pictures out_gradient, float *scratch, float *gradient);
ptrdiff_t ck_winograd_weights_scratch(ck_extent extent, int32_t dilation, int32_t inputs, int32_t depth);

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
  float *packed;
} ck_packing;
void ck_pack_weights(const ck_training *level, ck_pool *pool, const ck_packing *packing);

// MARK: between convolutions

/// Floats that a sum over pixels needs for its parts: `values` sums per channel.
ptrdiff_t ck_partials_size(ck_extent extent, int32_t values);

/// Mean and (biased) variance of every channel.
void ck_batch_statistics(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, float *partials, float *mean,
    float *variance);

/// out = activation(in * scale + shift).
void ck_scale_shift(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *scale, const float *shift,
    ck_activation activation, ck_pictures out);

/// What the gradient of batch norm, with the activation (none or ReLU) after it, needs to know of all pixels: for each of the
/// extent's channels the sum of the gradient, and after those the sums of the gradient times `in` less its mean.
/// `scale` and `shift` are those of `ck_scale_shift`; the gradients of gamma and beta are added to.
void ck_batch_norm_sums(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *mean, const float *variance,
    const float *scale, const float *shift, ck_activation activation, ck_pictures out_gradient, float *partials,
    int32_t channels, float *gamma_gradient, float *beta_gradient, double *sums);

/// Through batch norm and its activation: `in` held what was normalised and receives its gradient.
/// `sums` are those of `ck_batch_norm_sums` over the `pixels` that mean and variance were taken over; `partials` is scratch.
void ck_batch_norm_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures in, const float *mean, const float *variance,
    const float *scale, const float *shift, ck_activation activation, ck_pictures out_gradient, float *partials,
    const double *sums, double pixels);

/// gradient *= activation'(where its value was `out`); the sums over all pixels are added to `bias_gradient` unless that is NULL.
void ck_activation_backward(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures out, ck_activation activation,
    ck_pictures gradient, float *partials, int32_t channels, float *bias_gradient);

/// out = activation(a + b); b's base may be NULL.
void ck_add(
    const ck_training *level, ck_pool *pool, ck_extent extent, ck_pictures a, ck_pictures b, ck_activation activation,
    ck_pictures out);

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
