import Foundation
import Infer
import TestSupport
import Testing
import Video

@testable import Train

@Suite struct EventFileTests {
  private static let checksums: [([UInt8], UInt32)] = [
    (Array("123456789".utf8), 0xE306_9283), (Array(repeating: 0, count: 32), 0x8A91_36AA),
    (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
  ]

  @Test(arguments: checksums) func checksumsAreThoseOfTheStandard(bytes: [UInt8], checksum: UInt32) {
    #expect(RecordFraming.checksum(bytes) == checksum)
  }

  @Test func messagesAreThoseOfTheStandard() {
    // The examples of the encoding's description.
    #expect(WireMessage { $0.integer(1, 150) }.bytes == [0x08, 0x96, 0x01])
    #expect(WireMessage { $0.text(2, "testing") }.bytes == [0x12, 0x07] + Array("testing".utf8))
    #expect(WireMessage { $0.message(3) { $0.integer(1, 150) } }.bytes == [0x1A, 0x03, 0x08, 0x96, 0x01])
    #expect(WireMessage { $0.integer(1, -1) }.bytes == [0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x01])
    #expect(WireMessage { $0.float(20, 1) }.bytes == [0xA5, 0x01, 0, 0, 0x80, 0x3F])
    #expect(WireMessage { $0.doubles(6, [1]) }.bytes == [0x32, 8, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F])
  }

  /// The records of a file, each with its checksums right.
  static func records(_ path: String) throws -> [[UInt8]] {
    var (bytes, records) = ([UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))[...], [[UInt8]]())
    func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    while !bytes.isEmpty {
      try #require(bytes.count >= 16)
      let length = bytes.prefix(8)
      let count = Int(number(length))
      try #require(bytes.count >= 16 + count)
      let record = Array(bytes.dropFirst(12).prefix(count))
      #expect(number(bytes.dropFirst(8).prefix(4)) == UInt64(RecordFraming.mask(RecordFraming.checksum(length))))
      #expect(
        number(bytes.dropFirst(12 + count).prefix(4)) == UInt64(RecordFraming.mask(RecordFraming.checksum(record))))
      records.append(record)
      bytes = bytes.dropFirst(16 + count)
    }
    return records
  }

  @Test func aRunIsRecorded() throws {
    let path = NSTemporaryDirectory() + "events-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var settings = TrainSettings()
    (settings.backboneWidth, settings.channels, settings.headChannels) = (0.125, 16, 16)
    (settings.batch, settings.size, settings.steps, settings.logEvery, settings.recordEvery) = (2, 32, 3, 1, 2)
    let trainer = try Trainer(settings, folder: RunFolder(new: path), threads: 1)
    var source = NoiseSource()
    _ = try trainer.run(&source, validate: { _ in Validation(score: 1, values: ["AP": 0.5]) })
    let file = try #require(
      FileManager.default.contentsOfDirectory(atPath: path).first { $0.hasPrefix("events.out.tfevents.") })
    let records = try Self.records("\(path)/\(file)")
    func count(_ text: String) -> Int {
      records.count { record in Data(record).range(of: Data(text.utf8)) != nil }
    }
    #expect(Data(records[0]).range(of: Data("brain.Event:2".utf8)) != nil)
    #expect(count("loss/all") == 3 && count("loss/stage1_pafs") == 3 && count("learning_rate") == 3)
    #expect(count("validation/AP") == 1)
    #expect(count("pictures/targets") == 2 && count("pictures/network") == 2)
    #expect(count("weights/model.0.0.weight") == 2 && count("gradients/cpm.conv.0.bias") == 2)
  }

  @Test func histogramsCountEveryValueOnce() {
    func histogram(_ values: [Float]) -> Histogram { values.withUnsafeBufferPointer { Histogram($0) } }
    var noise = Noise(3)
    let values = noise.floats(1000).map { $0 * $0 * $0 } + [0, 0, -0.0, .nan, .infinity, 3e38, -3e38, 1e-30]
    let result = histogram(values)
    let finite = values.filter(\.isFinite)
    #expect(result.count == finite.count && result.counts.reduce(0, +) == Double(finite.count))
    #expect(result.smallest == Double(Float(-3e38)) && result.largest == Double(Float(3e38)))
    #expect(zip(result.limits, result.limits.dropFirst()).allSatisfy { $0 < $1 })
    var lower = -Double.infinity
    for (limit, count) in zip(result.limits, result.counts) {
      let inside = finite.count { Double($0) > lower && Double($0) <= limit }
      // Only values on an edge may be on its other side.
      #expect(abs(Double(inside) - count) <= 2)
      lower = limit
    }
    #expect(histogram([]) == histogram([.nan]))
    #expect(histogram([1]).counts == [0, 1] && histogram([1]).limits == [1, 1.25])
    #expect(histogram([-1]).counts == [0, 1] && histogram([-1]).limits == [-1.25, -1])
  }

  @Test func aFileThatCannotBeWrittenIsNamed() {
    let file = EventFile(folder: "/nowhere", step: 0)
    #expect {
      try file.flush()
    } throws: { error in
      "\(error)".contains("/nowhere/events.out.tfevents.") && "\(error)".contains("No such file")
    }
  }
}
