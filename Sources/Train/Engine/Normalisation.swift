import CKernels
import Infer

/// One batch norm as the layers around it see it: the convolution before it may measure what it gives, and the layer after it
/// may normalise what it reads, so that neither takes a way through memory of its own.
final class Normalisation {
  let channels: Int
  let activation: ck_activation
  /// Parts of the moments on the way there and of the sums on the way back; `nil` where batch norm has to find them itself.
  let momentParts: Int32?
  let sumParts: Int32?

  let mean: UnsafeMutablePointer<Float>
  let variance: UnsafeMutablePointer<Float>
  /// activation(value * scale + shift) is what batch norm gives.
  let scale: UnsafeMutablePointer<Float>
  let shift: UnsafeMutablePointer<Float>
  /// gradient * scale + value * slope + offset is the gradient of what it read.
  let slope: UnsafeMutablePointer<Float>
  let offset: UnsafeMutablePointer<Float>
  /// Of moments or sums.
  let parts: UnsafeMutablePointer<Float>

  init(
    _ shape: Pictures.Shape, activation: Graph.Activation, momentParts: Int32?, sumParts: Int32?, memory: FloatMemory
  ) throws(TrainError) {
    channels = shape.channels
    self.activation = activation.kernel
    (self.momentParts, self.sumParts) = (momentParts, sumParts)
    mean = try memory.zeros(shape.depth)
    variance = try memory.zeros(shape.depth)
    scale = try memory.zeros(shape.depth)
    shift = try memory.zeros(shape.depth)
    slope = try memory.zeros(shape.depth)
    offset = try memory.zeros(shape.depth)
    let most = max(momentParts ?? 0, sumParts ?? 0, ck_band_parts(shape.extent))
    parts = try memory.zeros(Int(most) * ck_moments_size(Int32(shape.depth)))
  }
}

/// What a layer reads: pictures, or what batch norm makes of them.
struct Source {
  var pictures: Pictures
  var normalisation: Normalisation?

  var kernel: ck_source {
    guard let normalisation else {
      return ck_source(values: pictures.view, scale: nil, shift: nil, activation: ck_activation_none)
    }
    return ck_source(
      values: pictures.view, scale: normalisation.scale, shift: normalisation.shift,
      activation: normalisation.activation)
  }
}

/// The gradient of what a layer gave, as it comes from the layers after it.
struct OutputGradient {
  /// Of what was made of the output by batch norm, if there is one, and by the activation.
  var pictures: Pictures
  /// What the layer gave.
  var values: Pictures
  var activation: ck_activation
  var normalisation: Normalisation?

  var kernel: ck_output_gradient {
    var gradient = ck_output_gradient()
    gradient.gradient = pictures.view
    gradient.activation = normalisation?.activation ?? activation
    if normalisation != nil || activation != ck_activation_none { gradient.values = values.view }
    if let normalisation {
      gradient.scale = UnsafePointer(normalisation.scale)
      gradient.shift = UnsafePointer(normalisation.shift)
      gradient.slope = UnsafePointer(normalisation.slope)
      gradient.offset = UnsafePointer(normalisation.offset)
    }
    return gradient
  }
}

/// Where a layer writes the gradient of something it read: the first to do so stores, the others add.
struct GradientPlace {
  var pictures: Pictures
  var adds: Bool
  /// The batch norm that the layer computes on the way in, whose sums it takes on the way back.
  var normalisation: Normalisation?

  var kernel: ck_input_gradient {
    ck_input_gradient(
      gradient: pictures.view, adds: adds, mean: normalisation.map { UnsafePointer($0.mean) },
      sums: normalisation?.parts)
  }
}
