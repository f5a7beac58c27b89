import Foundation

/// The pictures of a folder and those below it that nobody labelled: a teacher tells what is in them.
public struct UnlabelledPictures: Sendable {
  public let folder: String
  /// Within the folder, in order.
  let names: [String]

  public var count: Int { names.count }

  /// As of a data set; their sizes are not known before they are read.
  var pictures: [AnnotatedPicture] {
    names.enumerated().map { index, name in
      AnnotatedPicture(id: -1 - index, fileName: Self.mark + name, width: 0, height: 0)
    }
  }

  /// Before the names of such pictures, so that they are not taken for labelled ones.
  static let mark = "unlabeled/"
  private static let kinds: Set = ["jpg", "jpeg", "png", "webp", "bmp"]

  /// - Throws: where the folder holds no picture.
  public init(_ folder: String) throws(TrainError) {
    self.folder = folder
    var found: [String] = []
    guard Self.collect(folder, "", above: [], &found) else { throw TrainError("\(folder): no folder that can be read") }
    names = found.sorted()
    guard !names.isEmpty else { throw TrainError("\(folder): holds no pictures (JPEG, PNG, WebP or BMP)") }
  }

  /// Adds the names of a folder's pictures and of those below it; links to folders are followed, but not in circles.
  /// - Parameter above: the folders that lead here, as the file system knows them.
  /// - Returns: whether the folder could be read.
  @discardableResult
  private static func collect(_ folder: String, _ prefix: String, above: [String], _ found: inout [String]) -> Bool {
    guard let real = realpath(folder, nil) else { return false }
    defer { free(real) }
    let place = String(cString: real)
    guard !above.contains(place), let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      return false
    }
    for name in names where !name.hasPrefix(".") {
      var isFolder: ObjCBool = false
      let path = "\(folder)/\(name)"
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { continue }
      if isFolder.boolValue {
        collect(path, "\(prefix)\(name)/", above: above + [place], &found)
      } else if kinds.contains((name as NSString).pathExtension.lowercased()) {
        found.append(prefix + name)
      }
    }
    return true
  }
}

extension AnnotatedPicture {
  /// Whether its size, and so who is in it, was written down.
  var isLabelled: Bool { width > 0 }

  /// Within its folder.
  var name: String { isLabelled ? fileName : String(fileName.dropFirst(UnlabelledPictures.mark.count)) }
}
