import Foundation
import Testing
import TestSupport

@testable import Infer

/// A temporary folder that goes with the test.
private final class Folder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

private func read(_ data: Data) throws -> WeightFile {
  try data.withUnsafeBytes { try WeightFile($0, name: "test") }
}

/// The message of the InferError that `body` throws, "" if it throws nothing.
private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return (error as? InferError)?.description ?? "not an InferError: \(error)"
  }
}

struct WeightFileTests {
  private let small = WeightFile(
    tensors: [
      "a.weight": Tensor(shape: [2, 3], values: [1, -2, 3.5, 0, .infinity, 6]),
      "b": Tensor(shape: [], values: [7]),
      "c": Tensor(shape: [0, 4], values: []),
    ],
    metadata: ["architecture": "test", "note": "quotes \" and ünïcode"])

  /// Among them headers of 128 and 384 bytes, whose length begins with the byte that begins pickles.
  @Test func headersOfEveryLengthAreRead() throws {
    var lengths: Set<Int> = []
    for length in 0..<400 {
      let file = WeightFile(tensors: small.tensors, metadata: ["note": String(repeating: "x", count: length)])
      let data = try Safetensors.bytes(of: file)
      lengths.insert(Int(data[0]))
      #expect(try read(data) == file)
    }
    #expect(lengths.contains(0x80))
  }

  @Test func writtenFileReadsBackEqual() throws {
    let folder = try Folder()
    let path = folder.path("m.safetensors")
    try small.write(to: path)
    #expect(try WeightFile(contentsOf: path) == small)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["m.safetensors"])
  }

  @Test func otherElementTypesBecomeFloats() throws {
    let header =
      #"{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},"i":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}"#
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data.append(contentsOf: header.utf8)
    data.append(contentsOf: [0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00, 0x80, 0x3F])
    withUnsafeBytes(of: Int64(-5).littleEndian) { data.append(contentsOf: $0) }
    let file = try read(data)
    #expect(file.tensors["h"]?.values == [1, -2, 0x1p-24])
    #expect(file.tensors["b"]?.values == [1])
    #expect(file.tensors["i"]?.values == [-5])
  }

  @Test func writeErrorsNameTheFileAndLeaveNothing() throws {
    #expect(message { try small.write(to: "/nonexistent/m.safetensors") }.contains("/nonexistent/m.safetensors"))
    #expect(message { _ = try WeightFile(contentsOf: "/nonexistent/m") } == "/nonexistent/m: no such file")
    let folder = try Folder()
    try Data().write(to: folder.url.appendingPathComponent("empty"))
    #expect(message { _ = try WeightFile(contentsOf: folder.path("empty")) }.contains("empty"))
    #expect(message { _ = try WeightFile(contentsOf: folder.path("")) }.contains("a folder"))
    #expect(message { _ = try WeightFile(contentsOf: "/dev/null") }.contains("no regular file"))
  }

  @Test func everyTruncationIsAnError() throws {
    let data = try Safetensors.bytes(of: small)
    for length in 0..<data.count {
      #expect(!message { _ = try read(data.prefix(length)) }.isEmpty, "\(length) of \(data.count) bytes")
    }
  }

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}"#, "outside the file"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, "outside the file"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "shape"),
    (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, "shape"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "shape"),
    (#"{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}"#, "unknown type 'Q4'"),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
      "overlap"
    ),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "4 of its bytes belong to no tensor"),
    (#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, "too long"),
    (#"{"a":3}"#, "not valid"),
    (#"[[[[[["#, "not valid"),
  ])
  func hostileHeader(_ header: String, complaint: String) throws {
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data.append(contentsOf: header.utf8)
    data.append(Data(count: 8))
    #expect(message { _ = try read(data) }.contains(complaint))
  }

  /// 2,000 tensors that all claim the same 10 MB would be 20 GB.
  @Test func sharedBytesAreRefusedBeforeTheyAreCopied() throws {
    let entry = #"{"dtype":"F32","shape":[2621440],"data_offsets":[0,10485760]}"#
    let header = "{" + (0..<2000).map { "\"t\($0)\":\(entry)" }.joined(separator: ",") + "}"
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data.append(contentsOf: header.utf8)
    data.append(Data(count: 10 << 20))
    #expect(message { _ = try read(data) }.contains("overlap"))
  }

  @Test func deeplyNestedHeaderIsAnError() throws {
    let header = String(repeating: "[", count: 1 << 20)
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data.append(contentsOf: header.utf8)
    #expect(!message { _ = try read(data) }.isEmpty)
  }
}

struct CheckpointTests {
  /// A legacy checkpoint {"w": 2 × 2 tensor}, its tensor described by `rebuild`, or by `body` instead of the whole dictionary.
  private func legacy(
    body: [UInt8]? = nil, before: [UInt8] = [0x80, 2], shape: [UInt8] = [2, 2], strides: [UInt8] = [2, 1],
    count: UInt8 = 4, offset: UInt8 = 0
  ) -> Data {
    var data = Data(Checkpoint.legacyStart)
    data.append(contentsOf: Array(".".utf8))
    data.append(contentsOf: [0x80, 2, UInt8(ascii: "M"), 0xE9, 0x03] + Array(".".utf8))
    data.append(contentsOf: [0x80, 2] + Array("}.".utf8))
    func text(_ text: String) -> [UInt8] { [UInt8(ascii: "X"), UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) }
    func tuple(_ values: [UInt8]) -> [UInt8] {
      Array("(".utf8) + values.flatMap { [UInt8(ascii: "K"), $0] } + Array("t".utf8)
    }
    let k = UInt8(ascii: "K")
    let parts: [[UInt8]] = [
      Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8), text("storage"), Array("ctorch\nFloatStorage\n".utf8),
      text("0"), text("cpu"), [k, count], Array("NtQ".utf8), [k, offset], tuple(shape), tuple(strides), [0x89],
      Array("ccollections\nOrderedDict\n)RtR".utf8),
    ]
    let tensor = Array(parts.joined())
    data.append(contentsOf: body ?? (before + Array("}".utf8) + text("w") + tensor + Array("s.".utf8)))
    data.append(contentsOf: [0x80, 2] + Array("](".utf8) + text("0") + Array("e.".utf8))
    withUnsafeBytes(of: Int64(count).littleEndian) { data.append(contentsOf: $0) }
    for value in 1...max(1, Int(count)) { withUnsafeBytes(of: Float(value)) { data.append(contentsOf: $0) } }
    return data
  }

  @Test func legacyTensor() throws {
    #expect(try read(legacy()).tensors == ["w": Tensor(shape: [2, 2], values: [1, 2, 3, 4])])
    #expect(try read(legacy(strides: [1, 2])).tensors["w"]?.values == [1, 3, 2, 4])
  }

  @Test func viewsOutsideTheirStorageAreErrors() throws {
    #expect(message { _ = try read(legacy(shape: [2, 3], strides: [3, 1])) }.contains("does not fit"))
    #expect(message { _ = try read(legacy(strides: [200, 1])) }.contains("strides"))
    #expect(try read(legacy(shape: [], strides: [], offset: 3)).tensors == ["w": Tensor(shape: [], values: [4])])
    #expect(message { _ = try read(legacy(shape: [], strides: [], offset: 4)) }.contains("begins behind"))
  }

  @Test func everyTruncationIsAnError() {
    let data = legacy()
    for length in 0..<data.count {
      #expect(!message { _ = try read(data.prefix(length)) }.isEmpty, "\(length) of \(data.count) bytes")
    }
  }

  @Test(arguments: [
    "os\nsystem", "posix\nsystem", "builtins\neval", "__builtin__\nexec", "torch\nload", "subprocess\nPopen",
  ])
  func callsAreRefusedByName(_ global: String) {
    let attack = [0x80, 2] + Array("c\(global)\n(X".utf8) + [4, 0, 0, 0] + Array("true".utf8) + Array("tR.".utf8)
    let text = message { _ = try read(legacy(body: attack)) }
    #expect(text.contains("refused") && text.contains(global.replacingOccurrences(of: "\n", with: ".")))
  }

  /// Its frames say how much a reader may fetch at once; its globals are named by what lies on the stack.
  @Test func protocol4IsRead() throws {
    let framed = try read(legacy(before: [0x80, 4, 0x95] + [UInt8](repeating: 9, count: 8)))
    #expect(framed.tensors == ["w": Tensor(shape: [2, 2], values: [1, 2, 3, 4])])
    let attack = [0x80, 4, 0x8C, 2] + Array("os".utf8) + [0x8C, 6] + Array("system".utf8) + [0x93, UInt8(ascii: ".")]
    #expect(message { _ = try read(legacy(body: attack)) }.contains("refused: the pickle names 'os.system'"))
  }

  /// Two bytes each ask for a copy of a list that is remembered.
  @Test func copiesWithoutEndAreRefused() {
    let pair: [UInt8] = [UInt8(ascii: "K"), 1, UInt8(ascii: "K"), 2, 0x86]
    let pairs: [UInt8] = (0..<200).flatMap { _ in pair }
    let list = Array("](".utf8) + pairs + [UInt8(ascii: "e"), UInt8(ascii: "q"), 0]
    let copy = Array("ccollections\nOrderedDict\nh".utf8) + [0, 0x85, UInt8(ascii: "R")]
    let copies: [UInt8] = (0..<200).flatMap { _ in copy }
    #expect(message { _ = try read(legacy(body: [0x80, 2] + list + copies + Array(".".utf8))) }.contains("more pairs"))
    let sizes = [UInt8](repeating: 1, count: 9)
    #expect(message { _ = try read(legacy(shape: sizes, strides: sizes)) }.contains("9 dimensions"))
  }

  @Test(arguments: Array("iopSVILFP\u{81}\u{82}\u{92}2001".unicodeScalars.map { UInt8($0.value) }))
  func opcodesWeightsDoNotNeedAreRefused(_ opcode: UInt8) {
    #expect(message { _ = try read(legacy(body: [0x80, 2, opcode])) }.contains("0x\(String(opcode, radix: 16))"))
  }

  @Test func damagedBytesNeverTrap() {
    var random = Noise(7)
    let original = legacy()
    for _ in 0..<20_000 {
      var data = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        data[Int.random(in: Checkpoint.legacyStart.count..<data.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      _ = try? read(data)
    }
  }

  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"))
  func bothFormsHoldTheSameWeights() throws {
    let zip = try WeightFile(contentsOf: Shared.url("golden/lop.pth").path)
    let legacy = try WeightFile(contentsOf: Shared.url("golden/lop-legacy.pth").path)
    #expect(zip.tensors == legacy.tensors)
    #expect(zip.tensors["model.0.0.weight"]?.shape == [32, 3, 3, 3])
    let bootstrap = try WeightFile(contentsOf: Shared.url("models/bootstrap.pth").path).tensors
    for (name, tensor) in try WeightFile(contentsOf: Shared.url("models/bootstrap.safetensors").path).tensors {
      #expect(bootstrap[name] == tensor, "\(name)")
    }
  }
}

struct ZipCheckpointTests {
  private func number<T: FixedWidthInteger>(_ value: T) -> Data { withUnsafeBytes(of: value.littleEndian) { Data($0) } }

  /// A zip archive of stored entries, as torch.save writes it but for the checksums, which nobody reads.
  private func archive(_ entries: [(name: String, bytes: Data)], method: UInt16 = 0) -> Data {
    var (data, directory) = (Data(), Data())
    for (name, bytes) in entries {
      let sizes = number(UInt32(0)) + number(UInt32(bytes.count)) + number(UInt32(bytes.count))
      let start = number(UInt16(20)) + number(UInt16(0)) + number(method) + number(UInt32(0)) + sizes
      let names = number(UInt16(name.utf8.count)) + number(UInt16(0))
      directory += number(UInt32(0x0201_4B50)) + number(UInt16(20)) + start + names + Data(count: 10)
      directory += number(UInt32(data.count)) + Data(name.utf8)
      data += number(UInt32(0x0403_4B50)) + start + names + Data(name.utf8) + bytes
    }
    let place = number(UInt32(directory.count)) + number(UInt32(data.count))
    let count = number(UInt16(entries.count))
    return data + directory + number(UInt32(0x0605_4B50)) + Data(count: 4) + count + count + place + Data(count: 2)
  }

  /// {"state_dict": {"module.w": 3 floats}, "iter": 9}
  /// - Parameter scheduler: a pickled value to go with them.
  private func checkpoint(method: UInt16 = 0, key: String = "0", scheduler: Data? = nil) -> Data {
    func text(_ text: String) -> Data { Data("X".utf8) + number(UInt32(text.utf8.count)) + Data(text.utf8) }
    var pickle = Data([0x80, 2]) + Data("}(".utf8) + text("state_dict") + Data("}".utf8) + text("module.w")
    pickle += Data("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + text("storage") + Data("ctorch\nFloatStorage\n".utf8)
    pickle +=
      text(key) + text("cpu") + Data("K\u{3}tQK\u{0}K\u{3}\u{85}K\u{1}\u{85}".unicodeScalars.map { UInt8($0.value) })
    pickle += [0x89] + Data("ccollections\nOrderedDict\n)RtRs".utf8) + text("iter") + Data("K\u{9}".utf8)
    if let scheduler { pickle += text("scheduler") + scheduler }
    pickle += Data("u.".utf8)
    let values = [1, -2.5, 3].reduce(Data()) { $0 + number(Float($1).bitPattern) }
    return archive([("lop/data.pkl", pickle), ("lop/data/\(key)", values)], method: method)
  }

  /// A key that thousands of tensors name would be compared for hours.
  @Test func keysAreShort() throws {
    let long = String(repeating: "k", count: 600)
    #expect { try read(checkpoint(key: long)) } throws: { "\($0)".contains("a storage whose key has 600 bytes") }
    #expect(try read(checkpoint(key: String(long.prefix(500)))).tensors.count == 1)
  }

  @Test func storedTensor() throws {
    let file = try read(checkpoint())
    #expect(file.tensors == ["w": Tensor(shape: [3], values: [1, -2.5, 3])])
    #expect(file.metadata == ["iter": "9"])
  }

  /// As PyTorch saves the milestones of a learning rate: pickle.dumps(collections.Counter([100, 120]), 2), and an empty one.
  @Test(arguments: ["}(KdK\u{1}K\u{78}K\u{1}u\u{85}", ")"]) func countersAreNoDanger(arguments: String) throws {
    let bytes = Data(arguments.unicodeScalars.map { UInt8($0.value) })
    let file = try read(checkpoint(scheduler: Data("ccollections\nCounter\n".utf8) + bytes + Data("R".utf8)))
    #expect(file.tensors.keys.sorted() == ["w"])
  }

  @Test func everyTruncationIsAnError() {
    let data = checkpoint()
    // The last two bytes are the length of a comment that nobody reads.
    for length in 0..<data.count - 2 {
      #expect(!message { _ = try read(data.prefix(length)) }.isEmpty, "\(length) of \(data.count) bytes")
    }
  }

  @Test func whatIsNoCheckpointIsAnError() {
    #expect(message { _ = try read(checkpoint(method: 8)) }.contains("'lop/data.pkl' is compressed"))
    #expect(message { _ = try read(archive([("readme", Data("x".utf8))])) }.contains("no data.pkl"))
    #expect(message { _ = try read(archive([])) } != "")
    let attack = Data([0x80, 2]) + Data("cposix\nsystem\n(X".utf8) + number(UInt32(4)) + Data("truetR.".utf8)
    let text = message { _ = try read(archive([("a/data.pkl", attack)])) }
    #expect(text.contains("posix.system") && text.contains("refused"))
  }

  @Test func damagedBytesNeverTrap() {
    var random = Noise(11)
    let original = checkpoint()
    for _ in 0..<20_000 {
      var data = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        data[Int.random(in: 4..<data.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? read(data)
    }
  }
}
