import CKernels
import Infer

/// The kernels of one processor level, and the threads they run on.
final class TrainingKernels {
  let threads: Int
  let convolution: UnsafePointer<ck_kernels>
  let training: OpaquePointer
  let pool: OpaquePointer
  /// Of bfloat16; `nil` where all products are of f32.
  let products: UnsafePointer<ck_bf16>?

  init(level: CPULevel, threads: Int, precision: TrainingPrecision) throws(TrainError) {
    guard CPULevel.available.contains(level) else {
      throw TrainError("this processor has no \(level); it reaches \(CPULevel.detected)")
    }
    guard precision == .f32 || level == .avx512 && precision.products != nil else {
      throw TrainError("precision bf16 needs a processor with AVX512-BF16; use f32")
    }
    guard (1...256).contains(threads) else { throw TrainError("\(threads) threads: use 1 to 256") }
    guard let pool = ck_pool_create(Int32(threads)) else { throw TrainError("could not start \(threads) threads") }
    self.pool = pool
    self.threads = threads
    products = precision.products
    convolution = products?.pointee.convolution ?? ck_kernels_for(level.kernelLevel)
    training = ck_training_for(level.kernelLevel)
  }

  deinit { ck_pool_destroy(pool) }
}

/// What batch norm normalises with.
public enum BatchStatistics: Sendable {
  /// Those of the batch, which are remembered.
  case batch
  /// The running ones.
  case running
  /// The running ones, while those of the batches are collected for `adoptMeasuredStatistics`.
  case measured
}

/// One operation on a batch, forward and backward.
protocol Layer: AnyObject {
  func forward(_ statistics: BatchStatistics)
  /// From the gradient of what it gave to the gradients of what it took, and of its parameters, which are added to.
  func backward()
}

/// Memory that layers use one after the other.
struct Scratch {
  var partials: UnsafeMutablePointer<Float>
  var packed: UnsafeMutablePointer<Float>
  /// Of PyTorch's layout or of packed gradients.
  var weights: UnsafeMutablePointer<Float>
  /// Of Winograd, and whatever a layer brings into the cache.
  var transforms: UnsafeMutablePointer<Float>
}
