import Testing

@testable import Train

struct ZlibTests {
  private static func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = Array(hexadecimal)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
  }

  private static let text: [UInt8] = {
    var text = (0..<40).map { UInt8($0) }
    for _ in 0..<20 { text += Array("abcabcabcabcabc".utf8) }
    for index in 0..<300 { text.append(UInt8((index * index * 7 + index * 3) % 251)) }
    return text
  }()

  /// What zlib makes of that text at level 9: a block with codes of its own.
  private static let packed = bytes(
    "78da6360646266616563e7e0e4e2e6e1e5e31710141216111513979094929691959357505452565155534f4c4a1e454422062e258f9a7dc285"
      + "77639ed46bdc9a5f14ec64ef95dcb59f3d62bbe612a393c5da6f0e2c9a3461ceb67b92b1eb459a987bb52e7406a8727cf9ccaae0d97054b6"
      + "ee6dfeaf192e3f0f4eafcecdad9e7ef0a7cb8c5ff96feb648f36782ab07efec2a11ad07941ab97b949647dace4bd6d73264c5a74e08d76f1"
      + "49a3259adb23d8f777257bd93b0517cdbfa551ff24e66ea1f0be1a0f252e061631b39405afdcd7aaadb0bddde32df1eefab9cbcf78ac2b0e"
      + "2b7630b54aefcad1f97a71f7e69d67dfab24ade32d7d5dc2bd3a4efee5b18dab361e7b291fb79abbe47529efba2495f767776ede7df1ab4e"
      + "ce2ee956a60ec5c315d63ccf2e9fbbfe4ec2bbe7b6ed0ab5b5eeaf16a49889b190ec750077bb0594")

  @Test func unpacksOwnAndFixedCodes() throws {
    #expect(try Zlib.decompress(Self.packed[...], limit: 640) == Self.text)
    let fixed = Self.bytes("78014b4c4a4e8421858cd49c9c7c00405d06cd")
    #expect(try Zlib.decompress(fixed[...], limit: 100) == Array("abcabcabcabc hello".utf8))
    let stored = Self.bytes("7801010300fcff616263024d0127")
    #expect(try Zlib.decompress(stored[...], limit: 3) == Array("abc".utf8))
  }

  @Test func unpacksWhatItPacked() throws {
    for bytes in [Self.text, [], [7], [UInt8](repeating: 0, count: 100_000)] {
      let packed = try bytes.withUnsafeBytes { bytes throws(TrainError) in try Zlib.compress(bytes) }
      #expect(packed.count < bytes.count + 20)
      #expect(try Zlib.decompress(packed[...], limit: bytes.count) == bytes)
    }
  }

  @Test func refusesMoreThanAllowed() {
    #expect(throws: TrainError.self) { try Zlib.decompress(Self.packed[...], limit: 639) }
  }

  @Test func damageNeverTraps() {
    for length in 0..<Self.packed.count - 5 {
      #expect(throws: TrainError.self) { try Zlib.decompress(Self.packed[..<length], limit: 1 << 16) }
    }
    var random = SeededRandom(seed: 3)
    for _ in 0..<300 {
      var broken = Self.packed
      for _ in 0..<3 {
        broken[Int.random(in: 2..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? Zlib.decompress(broken[...], limit: 1 << 16)
    }
  }
}
