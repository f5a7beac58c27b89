import Foundation
import Synchronization
import Video

/// The pictures of a data set: decoded when they are asked for, kept as long as the limit allows.
final class PictureStore: Sendable {
  private struct State: Sendable {
    var kept: [Int: PixelImage] = [:]
    var bytes = 0
  }

  private let folder: URL
  private let unlabelled: URL?
  private let pictures: [AnnotatedPicture]
  private let limit: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - unlabelled: the folder of the pictures that nobody labelled.
  ///   - limit: bytes of decoded pictures to keep. Samples come in random order, so none is better to keep than another, and
  ///     none is thrown out for another.
  init(_ pictures: [AnnotatedPicture], folder: String, unlabelled: String? = nil, limit: Int) {
    self.pictures = pictures
    self.unlabelled = unlabelled.map { URL(fileURLWithPath: $0, isDirectory: true) }
    self.folder = URL(fileURLWithPath: folder, isDirectory: true)
    self.limit = limit
  }

  func url(_ index: Int) -> URL {
    let picture = pictures[index]
    guard !picture.isLabelled, let unlabelled else { return folder.appendingPathComponent(picture.fileName) }
    return unlabelled.appendingPathComponent(picture.name)
  }

  /// Bytes of a picture's file; 0 where there is none.
  func fileSize(_ index: Int) -> Int {
    var status = stat()
    return stat(url(index).path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// - Parameter reader: the calling thread's.
  /// - Throws: where the picture is missing, damaged or cut off, or not of the size that the labels are for.
  func image(_ index: Int, _ reader: PictureReader) throws(TrainError) -> PixelImage {
    if let kept = state.withLock({ $0.kept[index] }) { return kept }
    let image = try reader.read(url(index).path)
    let picture = pictures[index]
    guard !picture.isLabelled || (image.width == picture.width && image.height == picture.height) else {
      throw TrainError(
        "\(picture.fileName): \(image.width)x\(image.height) pixels, labelled as \(picture.width)x\(picture.height)")
    }
    state.withLock { state in
      guard state.bytes + image.bytes.count <= limit, state.kept.updateValue(image, forKey: index) == nil else {
        return
      }
      state.bytes += image.bytes.count
    }
    return image
  }
}

/// Reads picture files into memory; one per thread.
final class PictureReader {
  private let decoder = PictureDecoder()
  private let scaler = Scaler(order: .bgr)

  func read(_ path: String) throws(TrainError) -> PixelImage {
    do throws(VideoError) {
      let data = try data(path)
      var image = try pixels(of: frame(data, path))
      image.fileSize = data.count
      return image
    } catch {
      throw TrainError(error.description)
    }
  }

  func frame(_ path: String) throws(VideoError) -> Frame { try frame(data(path), path) }

  private func data(_ path: String) throws(VideoError) -> Data {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw VideoError("\(path): the picture is missing or cannot be read")
    }
    return data
  }

  private func frame(_ data: Data, _ path: String) throws(VideoError) -> Frame {
    let result = data.withUnsafeBytes { bytes in
      Result { () throws(VideoError) in try decoder.decode(bytes, name: path) }
    }
    return try result.get()
  }

  private func pixels(of frame: Frame) throws(VideoError) -> PixelImage {
    let (width, height) = (frame.width, frame.height)
    return try scaler.scale(frame, width: width, height: height) { pixels, bytesPerRow in
      PixelImage(
        width: width, height: height,
        bytes: [UInt8](unsafeUninitializedCapacity: 3 * width * height) { target, count in
          for y in 0..<height {
            UnsafeMutableRawBufferPointer(
              rebasing: UnsafeMutableRawBufferPointer(target)[3 * width * y..<3 * width * (y + 1)]
            )
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: pixels[bytesPerRow * y..<bytesPerRow * y + 3 * width]))
          }
          count = 3 * width * height
        })
    }
  }
}
