import Foundation
import TestSupport
import Testing

/// A video as phones make them: stored on its side, at a varying rate, with sound. What `annotate` makes of it is looked at and listened
/// to with FFmpeg's programs: the picture flashes white when the sound beeps.
@Suite(.enabled(if: Program.isPresent && Program.hasFFmpeg, "the built program, or ffmpeg, is missing"))
struct PhoneVideoTests {
  private let folder: Folder

  /// phone.mp4: 320x192 stored, 192x320 shown; 30 frames a second for two seconds, then 15, some missing; a flash and a beep of
  /// 0.2 s at 1, 2, 3 and 4 s. A grey corner is to be seen at the top right.
  init() throws {
    folder = try Folder()
    let pulse = "gte(t,0.99)*lt(mod(t+0.01,1),0.2)"
    // Drawn at the top left of the stored picture, which a quarter turn clockwise brings to the top right.
    let outcome = try Program.shell(
      """
      ffmpeg -v error -nostdin -f lavfi -i color=black:size=320x192:rate=30:duration=5 \
      -f lavfi -i "aevalsrc=if(gte(t\\,1)*lt(mod(t\\,1)\\,0.2)\\,sin(2*PI*1000*t)\\,0):s=44100:d=5" \
      -vf "drawbox=w=80:h=48:color=gray:t=fill,drawbox=enable='\(pulse)':color=white:t=fill,\
      select='lt(n,60)*not(eq(n,17))+gte(n,60)*not(mod(n,2))*not(eq(n,100))'" -fps_mode vfr \
      -c:v libx264 -pix_fmt yuv420p -bf 2 -c:a aac -b:a 128k flat.mp4
      """, in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    try DisplayMatrix.rewrite(folder.path("flat.mp4"), to: folder.path("phone.mp4"), degrees: 90)
  }

  // MARK: - Looking and listening

  private func tool(_ line: String) throws -> String {
    let outcome = try Program.shell(line, in: folder)
    try #require(outcome.status == 0, "\(line): \(outcome.errors)")
    return outcome.output
  }

  /// When each frame is shown.
  private func times(_ name: String) throws -> [Double] {
    try tool("ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 \(name)")
      .split(whereSeparator: { "\n,".contains($0) }).compactMap { Double($0) }
  }

  /// Frames as a player shows them, scaled to 24 x 40, in grey.
  private func pictures(_ name: String) throws -> [[UInt8]] {
    _ = try tool(
      "ffmpeg -v error -nostdin -y -i \(name) -map 0:v -vf scale=24:40:flags=area -pix_fmt gray -f rawvideo "
        + "-fps_mode passthrough pictures.raw")
    let bytes = [UInt8](try folder.data("pictures.raw"))
    return stride(from: 0, to: bytes.count, by: 960).map { Array(bytes[$0..<$0 + 960]) }
  }

  /// When flashes begin.
  private func flashes(_ name: String) throws -> [Double] {
    let bright = try pictures(name).map { $0.reduce(0) { $0 + Int($1) } > 960 * 160 }
    let times = try times(name)
    try #require(bright.count == times.count)
    return bright.indices.filter { bright[$0] && ($0 == 0 || !bright[$0 - 1]) }.map { times[$0] }
  }

  /// When beeps begin, in the time that a player shows.
  private func beeps(_ name: String) throws -> [Double] {
    _ = try tool(
      "ffmpeg -v error -nostdin -y -i \(name) -map 0:a -af aresample=async=1:first_pts=0 -ac 1 -ar 44100 -f s16le sound.raw"
    )
    let samples = try folder.data("sound.raw").withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
    var onsets: [Double] = []
    var last = -1.0
    for (index, sample) in samples.enumerated() where abs(Int(sample)) > 12_000 {
      let time = Double(index) / 44100
      if time - last > 0.1 { onsets.append(time) }
      last = time
    }
    return onsets
  }

  private func duration(_ name: String) throws -> Double {
    let text = try tool("ffprobe -v error -select_streams v -show_entries stream=duration -of csv=p=0 \(name)")
    return try #require(Double(text.trimmingCharacters(in: CharacterSet(charactersIn: ",\n"))))
  }

  // MARK: -

  @Test(arguments: ["mp4", "mov"]) func staysUprightInTimeAndInSync(kind: String) throws {
    let outcome = try Program.run("posecam annotate phone.mp4 -o out.\(kind) --size 64", in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let out = "out.\(kind)"

    // Upright: the sides are exchanged in the file itself, which asks players to turn nothing.
    let stream = try tool("ffprobe -v error -select_streams v -show_streams \(out)")
    #expect(stream.contains("width=192\n") && stream.contains("height=320\n") && !stream.contains("rotation="))
    for name in ["phone.mp4", out] {
      let picture = try #require(try pictures(name).first)
      #expect(picture[24 * 4 + 21] > 100 && picture[24 * 4 + 2] < 40 && picture[24 * 36 + 21] < 40, "\(name)")
    }

    // In time: every frame when it was, and as long.
    let (before, after) = (try times("phone.mp4"), try times(out))
    #expect(before.count == after.count && Set(zip(before, before.dropFirst()).map { Int(($1 - $0) * 1000) }).count > 2)
    #expect(zip(before, after).allSatisfy { abs($0 - $1) < 0.001 })
    #expect(
      abs(try duration("phone.mp4") - duration(out)) < 1.0 / 15 + 0.001, "within a frame, which lasts 1/15 s there")

    // In sync: 20 ms, measured on what is seen and heard.
    let (seen, heard) = (try flashes(out), try beeps(out))
    #expect(seen.count == 4 && heard.count == 4, "\(seen) \(heard)")
    for (flash, beep) in zip(seen, heard) { #expect(abs(flash - beep) <= 0.020, "\(seen) \(heard)") }
    for (mine, theirs) in zip(heard, try beeps("phone.mp4")) { #expect(abs(mine - theirs) <= 0.001) }
  }

  @Test func aPartIsInSyncToo() throws {
    let outcome = try Program.run("posecam annotate phone.mp4 -o part.mp4 --size 64 --start 1.5 --end 3.5", in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let (seen, heard) = (try flashes("part.mp4"), try beeps("part.mp4"))
    #expect(seen.count == 2 && heard.count == 2, "\(seen) \(heard)")
    for (flash, beep, true_) in zip(seen, zip(heard, [0.5, 1.5])).map({ ($0, $1.0, $1.1) }) {
      #expect(abs(flash - beep) <= 0.020 && abs(flash - true_) < 0.001, "\(seen) \(heard)")
    }
    #expect(abs(try duration("part.mp4") - 2) < 1.0 / 15 + 0.001)
  }
}
