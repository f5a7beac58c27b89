import Foundation
import Infer
import Video

/// What TensorBoard shows of a run: numbers, pictures and histograms, each under a tag and a step.
///
/// The file is a sequence of records (`RecordFraming`), each an `Event` of tensorflow/core/util/event.proto with a `Summary`
/// of tensorflow/core/framework/summary.proto. A run that goes on begins another file, which tells from which step on what
/// the files before hold is void.
final class EventFile {
  let path: String
  private var pending: [UInt8] = []

  /// - Parameters:
  ///   - step: that the run has reached; later ones are made again.
  ///   - clock: seconds since 1970.
  init(folder: String, step: Int, clock: Double = Date().timeIntervalSince1970) {
    // Readers take the files in the order of their names.
    let host = ProcessInfo.processInfo.hostName.filter { $0.isLetter || $0.isNumber || $0 == "-" }
    let second = String(max(0, Int(clock)))
    let time = String(repeating: "0", count: max(0, 10 - second.count)) + second
    path = "\(folder)/events.out.tfevents.\(time).\(host).\(getpid())"
    add(0, clock) { $0.text(3, "brain.Event:2") }
    let start = 1
    add(step + 1, clock) { $0.message(7) { $0.integer(1, start) } }
  }

  private func add(_ step: Int, _ clock: Double, _ what: (inout WireMessage) -> Void) {
    let event = WireMessage { event in
      event.double(1, clock)
      event.integer(2, step)
      what(&event)
    }
    RecordFraming.append(event.bytes, to: &pending)
  }

  private func add(
    _ tag: String, _ step: Int, _ value: (inout WireMessage) -> Void
  ) {
    add(step, Date().timeIntervalSince1970) { event in
      event.message(5) { summary in
        summary.message(1) {
          $0.text(1, tag)
          value(&$0)
        }
      }
    }
  }

  func add(_ number: Double, tag: String, step: Int) { add(tag, step) { $0.float(2, Float(number)) } }

  func add(_ histogram: Histogram, tag: String, step: Int) {
    add(tag, step) { value in
      value.message(5) {
        $0.double(1, histogram.smallest)
        $0.double(2, histogram.largest)
        $0.double(3, Double(histogram.count))
        $0.double(4, histogram.sum)
        $0.double(5, histogram.sumOfSquares)
        $0.doubles(6, histogram.limits)
        $0.doubles(7, histogram.counts)
      }
    }
  }

  func add(_ picture: Bitmap, tag: String, step: Int) throws(TrainError) {
    let bytes: [UInt8]
    do throws(VideoError) {
      let frame = try Frame(
        bitmap: picture, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
      bytes = try PictureWriter.encode(frame, as: .jpeg)
    } catch {
      throw TrainError("\(path): the picture '\(tag)' cannot be stored: \(error)")
    }
    add(tag, step) { value in
      value.message(4) {
        $0.integer(1, picture.height)
        $0.integer(2, picture.width)
        $0.integer(3, 3)
        $0.data(4, bytes)
      }
    }
  }

  /// Writes what was added since the last time.
  func flush() throws(TrainError) {
    let stream = fopen(path, "ae")
    defer { if let stream { fclose(stream) } }
    guard let stream, fwrite(pending, 1, pending.count, stream) == pending.count, fflush(stream) == 0 else {
      throw TrainError("\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
    pending.removeAll(keepingCapacity: true)
  }
}
