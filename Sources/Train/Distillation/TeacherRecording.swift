import Foundation
import Infer

/// Asks a teacher about every picture of a data set, and keeps what it says.
public struct TeacherRecording {
  public struct Progress: Sendable {
    /// Pictures that the cache knows, and how many it should.
    public var done = 0
    public var total = 0
    /// Of those, pictures that were there already.
    public var known = 0
    /// Of the cache.
    public var bytes = 0
    /// Pictures that could not be read.
    public var problems = Problems()
  }

  private var teacher: Teacher
  private let origin: TeacherCache.Origin
  private let reader = PictureReader()

  /// - Parameters:
  ///   - path: the teacher's model file.
  ///   - height: of the network's input, in pixels.
  public init(teacher path: String, height: Int, threads: Int) throws(TrainError) {
    do throws(InferError) {
      teacher = Teacher(try Model(contentsOf: path), height: height, threads: threads)
    } catch {
      throw TrainError(error.description)
    }
    let bytes = (try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)) ?? Data()
    origin = TeacherCache.Origin(
      teacher: URL(fileURLWithPath: path).lastPathComponent, checksum: RecordFraming.checksum(bytes), height: height)
  }

  /// Adds what is not in the cache yet; stops after any picture when `shouldStop` says so.
  /// - Parameters:
  ///   - images: folder of the labelled pictures.
  ///   - limit: bytes that the cache may have.
  /// - Throws: also where the limit is reached; what is there stays.
  public mutating func run(
    _ annotations: KeypointAnnotations?, images: String, unlabelled: UnlabelledPictures?, to folder: String, limit: Int,
    shouldStop: () -> Bool, progress report: (Progress) -> Void
  ) throws(TrainError) -> Progress {
    let pictures = (annotations?.pictures ?? []) + (unlabelled?.pictures ?? [])
    let store = PictureStore(pictures, folder: images, unlabelled: unlabelled?.folder, limit: 0)
    let writer = try TeacherCache.Writer(folder, origin: origin)
    var progress = Progress()
    progress.total = pictures.count
    let isKnown = pictures.indices.map { writer.knows(pictures[$0].fileName, fileSize: store.fileSize($0)) }
    progress.known = isKnown.count { $0 }
    (progress.done, progress.bytes) = (progress.known, writer.byteCount)
    // Pictures of one size after the other: the network is compiled once for each.
    func area(_ index: Int) -> (Int, Int, Int) {
      guard pictures[index].isLabelled else { return (Int.max, 0, index) }
      let size = teacher.inputSize(width: pictures[index].width, height: pictures[index].height)
      return (size.width, size.height, index)
    }
    for index in pictures.indices.sorted(by: { area($0) < area($1) }) where !shouldStop() {
      let name = pictures[index].fileName
      guard !isKnown[index] else { continue }
      guard writer.byteCount <= limit else { break }
      let image: PixelImage
      do throws(TrainError) {
        image = try store.image(index, reader)
      } catch {
        progress.problems.add("picture that cannot be read", error.description)
        continue
      }
      try writer.add(teacher.maps(of: image), name: name)
      (progress.done, progress.bytes) = (progress.done + 1, writer.byteCount)
      report(progress)
    }
    if writer.byteCount > limit, progress.done < progress.total {
      throw TrainError(
        "\(folder): the limit of \(limit >> 20) MB is reached after \(progress.done) of \(progress.total) pictures; "
          + "what is there stays, a higher limit goes on")
    }
    return progress
  }
}
