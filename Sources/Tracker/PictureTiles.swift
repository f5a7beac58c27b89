/// Overlapping parts of a picture that together cover it, looked at one by one for people too far away to be found in the whole.
public struct PictureTiles: Sendable, Hashable {
  public var columns: Int
  public var rows: Int

  /// Of two neighbouring tiles, as a share of a tile: who is narrower is whole in one of them.
  public static let overlap = 0.25

  public init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }

  /// A part of a picture, in its pixels. The corner lies on columns of 32 and rows of 2: pictures with halved colour can be
  /// cut there, and their rows stay aligned in memory.
  public struct Part: Sendable, Hashable {
    public var x: Int
    public var y: Int
    public var width: Int
    public var height: Int

    public init(x: Int, y: Int, width: Int, height: Int) {
      (self.x, self.y, self.width, self.height) = (x, y, width, height)
    }
  }

  /// Row by row, all of one size; fewer where the picture is too small to be divided so often.
  public func parts(width: Int, height: Int) -> [Part] {
    let across = Self.spans(of: width, count: columns, grid: 32)
    let down = Self.spans(of: height, count: rows, grid: 2)
    return down.starts.flatMap { y in
      across.starts.map { x in Part(x: x, y: y, width: across.length, height: down.length) }
    }
  }

  /// Of a tile's side, in pixels.
  private static let least = 64

  private static func spans(of length: Int, count: Int, grid: Int) -> (starts: [Int], length: Int) {
    let count = max(1, min(count, length / least))
    let wanted = Double(length) / (Double(count) - Double(count - 1) * overlap)
    let last = (length - Int(wanted.rounded(.up))) / grid * grid
    guard count > 1, last >= (count - 1) * grid else { return ([0], max(0, length)) }
    return ((0..<count).map { $0 * last / (count - 1) / grid * grid }, length - last)
  }
}

extension Pose {
  /// Seen from another origin.
  public func moved(x: Float, y: Float) -> Pose {
    var pose = self
    pose.keypoints = keypoints.map { $0.map { Keypoint(x: $0.x + x, y: $0.y + y, score: $0.score) } }
    return pose
  }
}
