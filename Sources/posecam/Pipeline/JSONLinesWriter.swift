import Foundation
import Tracker

/// Writes what was found as JSON lines: a header, then one object per frame. docs/json-lines.md describes the schema.
///
/// Every line is written whole, and cut off again where the disk takes only part of it, so that a run that was interrupted
/// leaves a readable file.
final class JSONLinesWriter {
  private let name: String
  private let descriptor: Int32
  private var line: [UInt8] = []
  /// Bytes of the whole lines written so far.
  private var length = 0

  /// - Parameter path: "-" for standard output.
  init(path: String, source: String, width: Int, height: Int, model: String) throws(PosecamError) {
    name = path == "-" ? "standard output" : path
    descriptor = path == "-" ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw PosecamError("\(path): cannot be written: \(PosecamError.reason)") }
    let names = Skeleton.keypointNames.map(Self.quoted).joined(separator: ",")
    let limbs = Skeleton.drawnLimbs.map { "[\($0.a),\($0.b)]" }.joined(separator: ",")
    let header =
      #"{"schema":"posecam/1","source":\#(Self.quoted(source)),"width":\#(width),"height":\#(height),"#
      + #""model":\#(Self.quoted(model)),"keypoints":[\#(names)],"limbs":[\#(limbs)]}"#
    line.append(contentsOf: header.utf8)
    try flush()
  }

  deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

  /// - Parameters:
  ///   - time: seconds since the source's beginning.
  ///   - people: in pixels of the source as displayed.
  func write(frame: Int, time: Double, people: [Person]) throws(PosecamError) {
    append(#"{"frame":"#)
    append(String(frame))
    append(#","time":"#)
    append(time, digits: 6)
    append(#","people":["#)
    for (index, person) in people.enumerated() {
      if index > 0 { append(",") }
      append(person)
    }
    append("]}")
    try flush()
  }

  private func append(_ person: Person) {
    append(#"{"id":"#)
    append(String(person.id))
    append(#","score":"#)
    append(Double(person.pose.score), digits: 4)
    append(#","box":["#)
    let box = person.pose.box
    for (index, value) in [box.x, box.y, box.width, box.height].enumerated() {
      if index > 0 { append(",") }
      append(Double(value), digits: 2)
    }
    append(#"],"keypoints":["#)
    for (index, point) in person.pose.keypoints.enumerated() {
      if index > 0 { append(",") }
      guard let point, point.x.isFinite, point.y.isFinite else {
        append("null")
        continue
      }
      append("[")
      append(Double(point.x), digits: 2)
      append(",")
      append(Double(point.y), digits: 2)
      append(",")
      append(Double(point.score), digits: 4)
      append("]")
    }
    append(person.isPredicted ? #"],"predicted":true}"# : "]}")
  }

  private func append(_ text: String) { line.append(contentsOf: text.utf8) }

  /// A decimal number with at most `digits` places after the point; JSON has no infinity, so what is not finite is 0.
  private func append(_ value: Double, digits: Int) {
    let scale = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000][digits]
    guard value.isFinite, abs(value) < 1e12 else { return append("0") }
    let scaled = Int((value * Double(scale)).rounded())
    if scaled < 0 { append("-") }
    append(String(scaled.magnitude / scale.magnitude))
    var fraction = Int(scaled.magnitude % scale.magnitude)
    guard fraction > 0 else { return }
    append(".")
    var place = scale / 10
    while fraction > 0 {
      line.append(UInt8(ascii: "0") + UInt8(fraction / place))
      fraction %= place
      place /= 10
    }
  }

  private func flush() throws(PosecamError) {
    line.append(UInt8(ascii: "\n"))
    defer { line.removeAll(keepingCapacity: true) }
    var written = 0
    while written < line.count {
      let count = line.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
        continue
      }
      guard count > 0 else {
        let reason = errno == EPIPE ? "nobody reads it any more" : PosecamError.reason
        if written > 0 && descriptor != STDOUT_FILENO { ftruncate(descriptor, off_t(length)) }
        throw PosecamError("\(name): cannot be written: \(reason)")
      }
      written += count
    }
    length += written
  }

  /// A JSON string.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      case "\u{0}"..<"\u{20}", "\u{7F}", "\u{2028}", "\u{2029}": quoted += String(format: "\\u%04x", scalar.value)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
