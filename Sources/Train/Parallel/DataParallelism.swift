/// One network trained by several processes, each on its share of every batch: the same weights everywhere, gradients added up
/// while the way back goes on.
///
/// Losses and gradients are those of the global batch. With synchronised batch norm that is all there is to it; without,
/// every process normalises with the statistics of its own share, and the running statistics are the mean of theirs.
final class DataParallelism {
  let processes: any Communicator
  let share: BatchShare
  private let network: TrainingNetwork
  private let synchronises: Bool
  private var buckets: GradientBuckets
  /// The first process whose last loss was not a number.
  private var culprit: Int?

  init(
    _ network: TrainingNetwork, _ share: BatchShare, among processes: any Communicator, synchronises: Bool
  ) {
    self.processes = processes
    self.share = share
    self.network = network
    self.synchronises = synchronises
    buckets = GradientBuckets(network.gradients.entries)
    if isAlone { return }
    network.share(BatchNormSums(processes, share), always: synchronises)
  }

  private var isAlone: Bool { processes.count == 1 }

  /// Gives all processes the weights of the first one.
  func shareWeights() throws(TrainError) {
    for set in [network.parameters, network.statistics] {
      processes.broadcast(UnsafeMutableRawBufferPointer(set.buffer), from: 0)
    }
    try processes.check()
  }

  /// Throws if the processes have come to different weights.
  func checkWeights() throws(TrainError) {
    if isAlone { return }
    let mine = network.parameters.buffer.reduce(UInt64(0)) { ($0 ^ UInt64($1.bitPattern)) &* 0x9E37_79B9_7F4A_7C15 }
    let own = [Double(mine >> 32), Double(mine & 0xFFFF_FFFF)]
    let first = try processes.sums(processes.isFirst ? own : [0, 0], isPatient: true)
    let flags = try processes.sums((0..<processes.count).map { $0 == processes.rank && own != first ? 1 : 0 })
    guard let rank = flags.firstIndex(where: { $0 > 0 }) else { return }
    throw TrainError(
      "rank \(rank) has come to other weights than rank 0: its memory or processor fails, or it runs another build. "
        + "Nothing was saved: continue from the last checkpoint without it", isShared: true)
  }

  // MARK: - A step

  /// The losses of the global batch, from those of this process's share.
  func losses(_ own: [Double]) throws(TrainError) -> [Double] {
    if isAlone { return own }
    var values = own.map { $0 * share.weight }
    values += (0..<processes.count).map { $0 == processes.rank && !own.allSatisfy(\.isFinite) ? 1 : 0 }
    values = try processes.sums(values)
    culprit = values[own.count...].firstIndex { $0 > 0 }.map { $0 - own.count }
    return Array(values[..<own.count])
  }

  /// The part of the last batch that made the loss no number, if that is known; else this process's.
  func culprit(_ own: Batch) throws(TrainError) -> Batch {
    guard let culprit else { return own }
    let images = try processes.shared(own.images, from: culprit)
    return Batch(
      count: images.count / (3 * own.height * own.width), height: own.height, width: own.width, images: images,
      heatmaps: try processes.shared(own.heatmaps, from: culprit),
      fields: try processes.shared(own.fields, from: culprit), mask: try processes.shared(own.mask, from: culprit))
  }

  /// The way back; gradients are added up over the processes when they are complete.
  /// - Parameter isLast: whether no other batch adds to them.
  func backward(isLast: Bool) {
    guard isLast && !isAlone else { return network.backward() }
    buckets.reset()
    network.backward { layer in
      if let range = buckets.complete(layer) {
        processes.beginSum(UnsafeMutableBufferPointer(rebasing: network.gradients.buffer[range]))
      }
    }
  }

  /// Waits until all gradients are those of the global batch.
  func finish() throws(TrainError) {
    if isAlone { return }
    if !synchronises {
      let statistics = network.statistics.buffer
      for index in statistics.indices { statistics[index] *= Float(share.weight) }
      processes.beginSum(statistics)
    }
    processes.finishSums()
    try processes.check()
  }
}

/// What batch norm knows of a batch that several processes share.
struct BatchNormSums {
  private let processes: any Communicator
  private let share: BatchShare

  init(_ processes: any Communicator, _ share: BatchShare) {
    self.processes = processes
    self.share = share
  }

  /// The pixels of all processes' pictures, from those of this one's.
  func pixels(_ own: Int) -> Int { own / share.range.count * share.total }

  /// Mean and variance over all processes' pictures, from those of this one's.
  func join(_ mean: UnsafeMutablePointer<Float>, _ variance: UnsafeMutablePointer<Float>, count: Int) {
    // Exact enough in 64 bits: what comes in has 24.
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * count) { sums in
      for channel in 0..<count {
        let (mean, variance) = (Double(mean[channel]), Double(variance[channel]))
        sums[channel] = share.weight * mean
        sums[count + channel] = share.weight * (variance + mean * mean)
      }
      processes.sum(sums, isPatient: false)
      for channel in 0..<count {
        mean[channel] = Float(sums[channel])
        variance[channel] = Float(max(0, sums[count + channel] - sums[channel] * sums[channel]))
      }
    }
  }

  /// Sums over all processes.
  func add(_ sums: UnsafeMutableBufferPointer<Double>) { processes.sum(sums, isPatient: false) }
}
