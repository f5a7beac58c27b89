import Foundation

/// A teacher's maps of many pictures in one file, record after record.
///
/// A record is: length of the name and of the maps (4 bytes each, little-endian), the name, the packed maps, and a CRC-32C of all
/// that. Records are only ever added at the end, so that what a killed writer leaves is a file with a part of a record at its
/// end, which the next one cuts off.
public final class TeacherCache: Sendable {
  /// What the maps were made with.
  struct Origin: Codable, Equatable {
    /// The model's file name and its CRC-32C.
    var teacher: String
    var checksum: UInt32
    /// Of the network's input, in pixels.
    var height: Int
  }

  public let folder: String
  let origin: Origin
  private let bytes: Data
  private let places: [String: Record]

  /// A picture's name and where its maps are: a part of the file.
  private struct Record {
    let name: String
    let start: Int
    let maps: Range<Int>
    let end: Int
  }

  public var count: Int { places.count }
  public var byteCount: Int { bytes.count }

  static func file(_ folder: String) -> String { "\(folder)/maps.teacher" }
  private static let mark = Data("posecam teacher's maps 2\n".utf8)
  private static let oldMark = Data("posecam teacher's maps 1\n".utf8)
  private static let longestHead = 1 << 16
  private static let longestName = 1 << 12
  private static let longestMaps = 1 << 26

  /// Opens a cache; the maps themselves are read when they are asked for.
  public convenience init(contentsOf folder: String) throws(TrainError) {
    let path = Self.file(folder)
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      throw TrainError("\(folder): holds no maps of a teacher; posecam cache-teacher makes them")
    }
    try self.init(data, folder: folder)
  }

  private init(_ data: Data, folder: String) throws(TrainError) {
    let path = Self.file(folder)
    (self.folder, bytes) = (folder, data)
    let body: Int
    (origin, body) = try Self.head(data, path)
    var (places, place) = ([String: Record](), body)
    while let record = Self.record(data, at: place) {
      places[record.name] = record
      place = record.end
    }
    if place < data.count {
      // Cut off there, or the lengths of one are damaged: then what seemed to follow it is none either.
      (places, place) = ([:], body)
      while let record = Self.nextSound(data, from: place) {
        places[record.name] = record
        place = record.end
      }
    }
    self.places = places
  }

  /// The first lines of a file: what it is, and what made it.
  private static func head(_ data: Data, _ path: String) throws(TrainError) -> (Origin, end: Int) {
    guard data.starts(with: mark) else {
      let isOld = data.starts(with: oldMark)
      throw TrainError(
        "\(path): " + (isOld ? "maps of an older version; remove it to make them anew" : "no file of a teacher's maps"))
    }
    let rest = data.dropFirst(mark.count).prefix(longestHead)
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")),
      let origin = try? JSONDecoder().decode(Origin.self, from: rest[..<end])
    else { throw TrainError("\(path): damaged: it does not tell what made it; remove it to begin anew") }
    return (origin, end + 1)
  }

  private static func word(_ data: Data, _ place: Int) -> Int {
    data[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// The record that begins at a place, if it is all there.
  private static func record(_ data: Data, at place: Int) -> Record? {
    guard data.count - place >= 12 else { return nil }
    let (name, maps) = (word(data, place), word(data, place + 4))
    guard (1...longestName).contains(name), (1...longestMaps).contains(maps) else { return nil }
    let end = place + 12 + name + maps
    guard end <= data.count else { return nil }
    return Record(
      name: String(decoding: data[place + 8..<place + 8 + name], as: UTF8.self), start: place,
      maps: place + 8 + name..<end - 4, end: end)
  }

  private static func isSound(_ data: Data, _ record: Record) -> Bool {
    RecordFraming.checksum(data[record.start..<record.end - 4]) == UInt32(word(data, record.end - 4))
  }

  /// The first sound record at a place or behind it.
  private static func nextSound(_ data: Data, from place: Int) -> Record? {
    var place = place
    while place < data.count - 12 {
      if let record = record(data, at: place), isSound(data, record) { return record }
      place += 1
    }
    return nil
  }

  public func contains(_ name: String) -> Bool { places[name] != nil }

  /// - Returns: `nil` where the cache does not know the picture.
  /// - Throws: naming the picture whose maps are damaged.
  func maps(_ name: String) throws(TrainError) -> TeacherMaps? {
    guard let record = places[name] else { return nil }
    guard Self.isSound(bytes, record) else {
      throw TrainError("\(Self.file(folder)): the maps of \(name) are damaged; run posecam cache-teacher again")
    }
    do throws(TrainError) {
      return try TeacherMaps(packed: [UInt8](bytes[record.maps])[...])
    } catch {
      throw TrainError("\(Self.file(folder)): \(name): \(error)")
    }
  }

  // MARK: - Writing

  /// Adds records to a cache, its own or a new one.
  final class Writer {
    private let path: String
    private let descriptor: Int32
    /// Bytes of the file of each picture that is known, by its name.
    private var known: [String: Int] = [:]
    private(set) var byteCount: Int

    /// Goes on behind the last sound record.
    /// - Throws: where another teacher's maps are there, or another process writes.
    init(_ folder: String, origin: Origin) throws(TrainError) {
      path = TeacherCache.file(folder)
      byteCount = 0
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw TrainError("\(folder): cannot be made: \(error.localizedDescription)")
      }
      descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw failure }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw TrainError("\(path): another process is writing it")
      }
      try take(up: origin)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private var failure: TrainError { TrainError("\(path): cannot be written: \(String(cString: strerror(errno)))") }

    private func take(up origin: Origin) throws(TrainError) {
      guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else { throw failure }
      // Killed before the first lines were whole.
      guard let (maker, body) = try Self.maker(data, path) else {
        guard data.isEmpty || TeacherCache.mark.starts(with: data.prefix(TeacherCache.mark.count)) else {
          _ = try TeacherCache.head(data, path)
          throw TrainError("\(path): no file of a teacher's maps")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard ftruncate(descriptor, 0) == 0, let json = try? encoder.encode(origin) else { throw failure }
        return try append([UInt8](TeacherCache.mark + json) + [UInt8(ascii: "\n")])
      }
      guard maker == origin else {
        throw TrainError(
          "\(path): holds the maps of \(maker.teacher) at \(maker.height) pixels"
            + (maker.teacher == origin.teacher && maker.height == origin.height ? ", of another version" : "")
            + "; choose another folder")
      }
      byteCount = body
      // A damaged one is made anew behind the others, which hours of work may have gone into.
      while let record = TeacherCache.nextSound(data, from: byteCount) {
        if record.maps.count >= TeacherMaps.fileSizePlace + 4 {
          self.known[record.name] = TeacherCache.word(data, record.maps.lowerBound + TeacherMaps.fileSizePlace)
        }
        byteCount = record.end
      }
      guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw failure }
    }

    private static func maker(_ data: Data, _ path: String) throws(TrainError) -> (Origin, end: Int)? {
      let rest = data.dropFirst(TeacherCache.mark.count)
      guard data.starts(with: TeacherCache.mark), rest.contains(UInt8(ascii: "\n")) else { return nil }
      return try TeacherCache.head(data, path)
    }

    /// Whether the maps of a picture are there.
    /// - Parameter fileSize: of the picture's file, in bytes.
    func knows(_ name: String, fileSize: Int) -> Bool { known[name] == fileSize }

    func add(_ maps: TeacherMaps, name: String) throws(TrainError) {
      guard (1...TeacherCache.longestName).contains(name.utf8.count) else {
        throw TrainError("\(name.prefix(80))…: the name is too long")
      }
      let packed = try maps.packed()
      var record: [UInt8] = []
      for length in [name.utf8.count, packed.count] {
        withUnsafeBytes(of: UInt32(length).littleEndian) { record += $0 }
      }
      record += Array(name.utf8) + packed
      withUnsafeBytes(of: RecordFraming.checksum(record).littleEndian) { record += $0 }
      try append(record)
      known[name] = maps.fileSize
    }

    /// Writes at the end, all or nothing.
    private func append(_ bytes: [UInt8]) throws(TrainError) {
      var written = 0
      while written < bytes.count {
        let count = bytes.withUnsafeBytes {
          pwrite(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written, off_t(byteCount + written))
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else {
          let failure = failure
          ftruncate(descriptor, off_t(byteCount))
          throw failure
        }
        written += count
      }
      byteCount += bytes.count
    }
  }
}
