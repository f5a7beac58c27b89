import Foundation
import Synchronization
import Video

/// A data set made ready for training: every picture checked, large ones made smaller, what cannot be used left out.
public struct PreparedPictures {
  /// Longest side of the written pictures, in pixels.
  public var longestSide: Int

  public init(longestSide: Int) { self.longestSide = longestSide }

  /// Writes pictures (JPEG) and `people.json` into a folder.
  /// - Returns: what is written, and what was left out.
  public func write(
    _ annotations: KeypointAnnotations, images: String, to target: String
  ) throws(TrainError) -> (annotations: KeypointAnnotations, problems: Problems) {
    let folder = URL(fileURLWithPath: target, isDirectory: true)
    do {
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("pictures"), withIntermediateDirectories: true)
    } catch {
      throw TrainError("\(target): the folder cannot be made")
    }
    // A picture written there could be one that is still to be read.
    let written = folder.appendingPathComponent("pictures").resolvingSymlinksInPath().path
    let source = URL(fileURLWithPath: images, isDirectory: true)
    for picture in annotations.pictures {
      let read = source.appendingPathComponent(picture.fileName).resolvingSymlinksInPath()
      guard read.deletingLastPathComponent().path != written else {
        throw TrainError("\(target): its pictures are the ones to be read; choose another folder")
      }
    }
    let reader = PictureReader()
    let scaler = Scaler(order: .rgb)
    var problems = Problems()
    var kept: [AnnotatedPicture] = []
    for picture in annotations.pictures {
      let frame: Frame
      do throws(VideoError) {
        frame = try reader.frame(URL(fileURLWithPath: images).appendingPathComponent(picture.fileName).path)
      } catch {
        problems.add("picture that cannot be read, left out", "\(error)")
        continue
      }
      guard frame.width == picture.width, frame.height == picture.height else {
        problems.add(
          "picture of another size than labelled, left out",
          "\(picture.fileName): \(frame.width)x\(frame.height), labelled as \(picture.width)x\(picture.height)")
        continue
      }
      let scale = min(1, Double(longestSide) / Double(max(frame.width, frame.height)))
      var small = picture.scaled(by: scale)
      small.fileName = "\(picture.id).jpg"
      do throws(VideoError) {
        var written = frame
        if scale < 1 {
          written = try Frame(
            bitmap: scaler.bitmap(frame, width: small.width, height: small.height), index: 0,
            timestamp: frame.timestamp)
        }
        try PictureWriter.write(written, to: folder.appendingPathComponent("pictures/\(small.fileName)").path)
      } catch {
        throw TrainError(error.description)
      }
      kept.append(small)
    }
    guard !kept.isEmpty else {
      let reason = problems.lines.first ?? "it lists none with a width and a height"
      throw TrainError("\(images): none of the pictures of \(annotations.name) can be used: \(reason)")
    }
    let prepared = KeypointAnnotations(name: "\(target)/people.json", pictures: kept)
    try prepared.write(to: folder.appendingPathComponent("people.json").path)
    return (prepared, problems)
  }
}

extension AnnotatedPicture {
  /// The picture with all labels, made smaller or larger.
  func scaled(by scale: Double) -> AnnotatedPicture {
    guard scale != 1 else { return self }
    var scaled = self
    scaled.width = max(1, Int((Double(width) * scale).rounded()))
    scaled.height = max(1, Int((Double(height) * scale).rounded()))
    let (x, y) = (Double(scaled.width) / Double(width), Double(scaled.height) / Double(height))
    for index in people.indices {
      let person = people[index]
      scaled.people[index].keypoints = person.keypoints.map {
        .init(x: $0.x * x, y: $0.y * y, visibility: $0.visibility)
      }
      scaled.people[index].box = (person.box.x * x, person.box.y * y, person.box.width * x, person.box.height * y)
      scaled.people[index].area = person.area * x * y
      scaled.people[index].headSize = person.headSize.map { $0 * scale }
      scaled.people[index].region = person.region?.scaled(x: x, y: y, width: scaled.width, height: scaled.height)
    }
    return scaled
  }
}
