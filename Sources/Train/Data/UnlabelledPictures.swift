import Foundation

/// The pictures of a folder that nobody labelled: a teacher tells what is in them.
public struct UnlabelledPictures: Sendable {
  public let folder: String
  /// In the order of their names; their sizes are not known before they are read.
  let pictures: [AnnotatedPicture]

  public var count: Int { pictures.count }

  /// Before the names of such pictures, so that they are not taken for labelled ones.
  static let mark = "unlabeled/"
  private static let kinds: Set = ["jpg", "jpeg", "png", "webp", "bmp"]

  /// - Throws: where the folder holds no picture.
  public init(_ folder: String) throws(TrainError) {
    self.folder = folder
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw TrainError("\(folder): no folder that can be read")
    }
    let found = names.sorted().filter { name in
      Self.kinds.contains(URL(fileURLWithPath: name).pathExtension.lowercased())
    }
    guard !found.isEmpty else { throw TrainError("\(folder): holds no pictures (JPEG, PNG, WebP or BMP)") }
    pictures = found.enumerated().map { index, name in
      AnnotatedPicture(id: -1 - index, fileName: Self.mark + name, width: 0, height: 0)
    }
  }
}

extension AnnotatedPicture {
  /// Whether its size, and so who is in it, was written down.
  var isLabelled: Bool { width > 0 }
}
