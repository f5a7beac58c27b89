import Foundation

/// Batches made ahead on threads of their own, from a data set on disk.
///
/// Which batch holds what depends on data, settings and seed alone, not on the number of threads or on when it is asked for.
public final class BatchLoader: BatchSource {
  public struct Options: Sendable {
    public var augmentation = Augmentation()
    public var seed: UInt64 = 1
    /// Threads that make batches.
    public var threads = 1
    /// Batches that may wait or be made before they are asked for; at least as many as there are threads are.
    public var ahead = 3
    /// Bytes of decoded pictures to keep in memory.
    public var cacheLimit = 1 << 30
    /// What a teacher said of the pictures; with it, the batches' targets are mixed.
    public var distillation: Distillation?
    /// Pictures that only the teacher knows.
    public var unlabelled: UnlabelledPictures?
    /// Of several processes that train together: this one's part of every batch; the whole batch if absent.
    public var share: BatchShare?

    public init() {}
  }

  private let maker: BatchMaker

  /// Starts the threads.
  /// - Parameter images: the folder with the pictures.
  /// - Throws: where there is nobody to train on, or settings that make no sample.
  public init(_ annotations: KeypointAnnotations, images: String, options: Options = Options()) throws(TrainError) {
    precondition(options.threads > 0 && options.ahead > 0)
    let composer = try SampleComposer(
      annotations, folder: images, augmentation: options.augmentation, seed: options.seed,
      cacheLimit: options.cacheLimit, distillation: options.distillation, unlabelled: options.unlabelled)
    maker = BatchMaker(composer, options)
    for index in 0..<options.threads {
      let thread = Thread { [maker] in maker.work() }
      thread.name = "batches \(index)"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  deinit { maker.stop() }

  /// People in the middle of a sample each, and pictures without labels: an epoch.
  public var sampleCount: Int { maker.composer.samples.count }

  /// Pictures without people, drawn from in the share that the augmentation says.
  public var negativeCount: Int { maker.composer.negatives.count }

  /// What of the data was left out so far.
  public var problems: Problems { maker.composer.problems }

  public func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
    try maker.read(number, into: &batch)
  }
}

/// The batches between the threads that make them and the one that takes them.
private final class BatchMaker: @unchecked Sendable {
  let composer: SampleComposer
  private let options: BatchLoader.Options
  private let condition = NSCondition()
  private var isStopped = false
  /// Of the batch that is asked for; nothing is made before.
  private var shape: (count: Int, height: Int, width: Int)?
  /// Changes when another batch than the next one is asked for: what is being made then is not wanted any more.
  private var course = 0
  private var wanted = 0
  private var next = 0
  private var ready: [Int: Batch] = [:]
  private var spare: [Batch] = []
  private var failure: TrainError?

  init(_ composer: SampleComposer, _ options: BatchLoader.Options) {
    self.composer = composer
    self.options = options
  }

  func stop() {
    condition.withLock { isStopped = true }
    condition.broadcast()
  }

  func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
    condition.lock()
    defer { condition.unlock() }
    precondition(options.share.map { $0.range.count == batch.count } ?? true)
    let asked = (batch.count, batch.height, batch.width)
    let isSame = shape.map { $0 == asked } ?? false
    if !isSame || number != wanted {
      if isSame { spare += ready.values } else { spare.removeAll() }
      ready.removeAll()
      (shape, course, wanted, next) = (asked, course + 1, number, number)
      condition.broadcast()
    }
    while ready[number] == nil {
      if let failure { throw failure }
      condition.wait()
    }
    if var made = ready.removeValue(forKey: number) {
      swap(&batch, &made)
      spare.append(made)
    }
    wanted = number + 1
    condition.broadcast()
  }

  /// What a thread does until the loader is gone.
  func work() {
    let reader = PictureReader()
    condition.lock()
    while !isStopped {
      guard let shape, failure == nil, next < wanted + max(options.ahead, options.threads) else {
        condition.wait()
        continue
      }
      let (number, course) = (next, self.course)
      next += 1
      var batch = spare.popLast()
      condition.unlock()

      var made = batch.take() ?? Batch(empty: shape.count, height: shape.height, width: shape.width)
      var failed: TrainError?
      do throws(TrainError) {
        try fill(&made, number, reader)
      } catch {
        failed = error
      }

      condition.lock()
      if let failed {
        failure = failed
      } else if course == self.course {
        ready[number] = made
      } else if let now = self.shape, now == (made.count, made.height, made.width) {
        spare.append(made)
      }
      condition.broadcast()
    }
    condition.unlock()
  }

  private func fill(_ batch: inout Batch, _ number: Int, _ reader: PictureReader) throws(TrainError) {
    let (count, height, width) = (batch.count, batch.height, batch.width)
    let (pixels, cells) = (height * width, height / Targets.stride * (width / Targets.stride))
    let first = options.share.map { number * $0.total + $0.range.lowerBound } ?? number * count
    var failure: TrainError?
    batch.images.withUnsafeMutableBufferPointer { images in
      batch.heatmaps.withUnsafeMutableBufferPointer { heatmaps in
        batch.fields.withUnsafeMutableBufferPointer { fields in
          batch.mask.withUnsafeMutableBufferPointer { mask in
            for index in 0..<count {
              func part(_ whole: UnsafeMutableBufferPointer<Float>, _ size: Int) -> UnsafeMutableBufferPointer<Float> {
                UnsafeMutableBufferPointer(rebasing: whole[index * size..<(index + 1) * size])
              }
              let canvas = SampleComposer.Canvas(
                image: part(images, 3 * pixels), heatmaps: part(heatmaps, 19 * cells), fields: part(fields, 38 * cells),
                mask: part(mask, cells), height: height, width: width)
              do throws(TrainError) {
                try composer.compose(first + index, into: canvas, reader: reader)
              } catch {
                failure = error
                return
              }
            }
          }
        }
      }
    }
    if let failure { throw failure }
  }
}

extension Batch {
  /// Memory for a batch, all 0.
  public init(empty count: Int, height: Int, width: Int) {
    let cells = count * (height / 8) * (width / 8)
    self.init(
      count: count, height: height, width: width, images: [Float](repeating: 0, count: 3 * count * height * width),
      heatmaps: [Float](repeating: 0, count: 19 * cells), fields: [Float](repeating: 0, count: 38 * cells),
      mask: [Float](repeating: 0, count: cells))
  }
}
