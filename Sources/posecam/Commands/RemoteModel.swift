import Foundation
import Infer
import Video

/// A model file that `--model` names by its address, `https://host/file.pth#sha256=…`: fetched once and kept.
struct RemoteModel {
  /// Full-sized networks have 17 MB.
  private static let limit = 1 << 30

  private let url: String
  /// SHA-256 that the file must have.
  private let digest: String?

  /// `nil` where `name` is no address.
  init?(_ name: String) throws(InferError) {
    guard ["http://", "https://"].contains(where: { name.lowercased().hasPrefix($0) }) else { return nil }
    let parts = name.split(separator: "#", maxSplits: 1).map(String.init)
    url = parts[0]
    let digest = parts.count > 1 ? parts[1].lowercased() : nil
    if let digest {
      let digits = digest.dropFirst("sha256=".count)
      guard digest.hasPrefix("sha256="), digits.count == 64, digits.allSatisfy(\.isHexDigit) else {
        throw InferError("\(name): what follows # must be sha256= and 64 hexadecimal digits")
      }
      self.digest = String(digits)
    } else {
      guard url.lowercased().hasPrefix("https://") else {
        throw InferError("\(name): anybody on the way can change what http brings: add #sha256= and the file's SHA-256")
      }
      self.digest = nil
    }
  }

  /// What a file may be called by the end of an address: that is anybody's, and may hold anything once it is decoded, "/../" too.
  static func fileName(_ url: String) -> String {
    let end = url.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let kept = end.utf8.suffix(100).map { byte in
      let character = Character(UnicodeScalar(byte))
      return character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
        ? character : "_"
    }
    return kept.isEmpty ? "model" : String(kept)
  }

  /// The file on this machine, fetched if it is not there yet.
  func file() throws(InferError) -> String {
    let place = String(Download.sha256(Array(url.utf8)).prefix(12))
    guard let path = CacheFolder.path(of: "models/\(place)-\(Self.fileName(url))") else {
      throw InferError("\(url): without HOME there is no place to keep it; download it and name the file")
    }
    if let data = FileManager.default.contents(atPath: path) {
      guard let digest, Download.sha256([UInt8](data)) != digest else { return path }
      // What is kept is another file than is asked for now; the address may have a new one.
    }
    do {
      try FileManager.default.createDirectory(
        atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
    } catch {
      throw InferError("\(path): its folder cannot be made")
    }
    StandardError.line("posecam: fetching \(url)")
    do {
      let found = try Download.fetch(url, to: path, limit: Self.limit, digest: digest)
      StandardError.line("posecam: kept as \(path)" + (digest == nil ? "; to be sure of it, add #sha256=\(found)" : ""))
    } catch { throw InferError(error.description) }
    return path
  }
}
