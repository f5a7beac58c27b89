import ArgumentParser
import Foundation
import Infer
import Testing

@testable import posecam

struct PresetTests {
  private func times(_ milliseconds: [Double], threads: Int = 2, streams: Int = 2) -> NetworkTimes {
    NetworkTimes(
      looks: zip(NetworkTimes.sides, milliseconds).map { NetworkTimes.Look(side: $0, milliseconds: $1) },
      threads: threads, streams: streams)
  }

  private func subject(threads: Int = 2) throws -> NetworkTimes.Subject {
    NetworkTimes.Subject(
      model: try NetworkOptions.loadModel(nil), level: .detected, precision: .f32, threads: threads)
  }

  @Test func presetsAreTheLargestSizesThatKeepUp() {
    // 128 160 192 224 256 288 320 368
    let usual = times([4, 6, 9, 12, 15, 19, 24, 33])
    #expect(Preset.allCases.map { $0.choice(usual).side } == [256, 368, 368])
    let slow = times([12, 18, 27, 36, 45, 57, 72, 99])
    #expect(Preset.allCases.map { $0.choice(slow).side } == [160, 224, 368])
    #expect(Preset.fast.choice(slow).milliseconds == 18)
    // Where nothing keeps up, or not all sizes were measured.
    #expect(Preset.fast.choice(times([300])).side == 128)
    #expect(Preset.accurate.choice(times([300])) == Preset.Choice(side: 368, threads: 2, streams: 2))
    // Nine looks at a frame, or a part of it only.
    #expect(Preset.balanced.choice(usual, looks: 9).side == 128)
    #expect(Preset.fast.choice(slow, looks: 9.0 / 16).side == 192)
  }

  @Test func measurementsAreRemembered() throws {
    let folder = try Folder()
    let (path, subject) = (folder.path("a/b/presets.json"), try subject())
    #expect(NetworkTimes.remembered(subject, path: path) == nil)
    let usual = times([4, 6, 9, 12, 15, 19, 24, 33])
    usual.remember(subject, path: path)
    #expect(NetworkTimes.remembered(subject, path: path) == usual)
    // Another number of threads, level or precision is another machine.
    var other = subject
    other.threads = 1
    #expect(NetworkTimes.remembered(other, path: path) == nil)
    other = subject
    other.precision = .int8
    #expect(NetworkTimes.remembered(other, path: path) == nil)
    times([1]).remember(other, path: path)
    #expect(NetworkTimes.remembered(subject, path: path) == usual, "both are kept")

    let text = try folder.text("a/b/presets.json")
    let damages = [
      String(text.dropLast(30)), "", "[]", text.replacing("\"processor\" : \"", with: "\"processor\" : \"other "),
      text.replacing("presets/2", with: "presets/1"), text.replacing("\"threads\" : 2", with: "\"threads\" : 2000"),
      text.replacing("\"side\" : 128", with: "\"side\" : 0"), text.replacing(" 33", with: " -33"),
      text.replacing("\"streams\" : 2", with: "\"streams\" : 0"),
    ]
    for damaged in damages {
      #expect(damaged != text)
      try damaged.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(NetworkTimes.remembered(subject, path: path) == nil, "\(damaged)")
    }
    usual.remember(subject, path: path)
    #expect(NetworkTimes.remembered(subject, path: path) == usual, "a damaged file is written anew")
    usual.remember(subject, path: nil)
  }

  @Test func aMeasurementIsSound() throws {
    let folder = try Folder()
    let subject = try subject(threads: 2)
    let times = try NetworkTimes(measuring: subject)
    times.remember(subject, path: folder.path("presets.json"))
    #expect(NetworkTimes.remembered(subject, path: folder.path("presets.json")) == times)
    #expect(zip(times.looks, times.looks.dropFirst()).allSatisfy { $0.milliseconds <= $1.milliseconds })
  }

  private func options(_ arguments: String...) throws -> (LookOptions, EngineOptions) {
    let command = try AnnotateCommand.parse(["a.mp4", "-o", "b.csv"] + arguments)
    return (command.looking, command.engine)
  }

  @Test func explicitOptionsWin() throws {
    let measured = times([4, 6, 9, 12, 15, 19, 24, 33])
    let (looking, engine) = try options(
      "--preset", "accurate", "--size", "64", "--precision", "auto", "--threads", "1", "--streams", "1")
    let chosen = looking.chosen(engine, measured, isLive: false)
    #expect(chosen.size == .height(64) && chosen.precision == .auto)
    #expect(chosen.threadCount == 1 && chosen.streamCount(isLive: false) == 1)

    let (plain, usual) = try options()
    let exact = looking.chosen(usual, measured, isLive: false)
    #expect(exact.size == .height(368) && exact.precision == .f32)
    let same = plain.chosen(usual, nil, isLive: true)
    #expect(same.chosenSize == nil && same.size == .height(256) && same.streams == nil)
    let (single, _) = try options("--single")
    #expect(single.chosen(usual, nil, isLive: false).streamCount(isLive: false) == 1)
    // Several sources take turns.
    #expect(single.chosen(usual, nil, isLive: false, sources: 3).streams == nil)
  }

  @Test(.enabled(if: Program.isPresent, Program.absence)) func badValuesAreRefused() throws {
    let folder = try Folder()
    let wrong = [
      "--tiles 1x1": "tiles", "--tiles 9x2": "tiles", "--tiles 2": "tiles", "--tiles 2x2x2": "tiles",
      "--preset best": "preset", "--single --tiles 2x2": "--single", "--single --compat": "--compat",
      "--tiles 2x2 --compat": "--compat", "--single --streams 2": "--streams",
    ]
    for (options, word) in wrong {
      for command in ["posecam annotate demo:seconds=1 -o a.jsonl", "posecam --video demo:seconds=1 --json a.jsonl"] {
        let outcome = try Program.run("\(command) \(options)", in: folder)
        #expect(outcome.status == 64, "\(options)")
        #expect(outcome.complaints.first?.contains(word) == true, "\(options): \(outcome.errors)")
      }
    }
    #expect(try folder.contents() == [])
  }

  /// Few frames of a scene, whole: in tiles, with one person, at a preset, live and into a file.
  @Test(.enabled(if: Program.isPresent, Program.absence)) func everyWayOfLookingFindsPeople() throws {
    let folder = try Folder()
    try #require(try Program.run("posecam scene demo:seconds=0.3 -o a.mp4 --truth truth", in: folder).status == 0)
    for (options, people) in [("--tiles 2x2", 2...6), ("--single", 1...1), ("--preset fast --single", 1...1)] {
      let home = "XDG_CACHE_HOME='\(folder.path("cache"))'; export XDG_CACHE_HOME;"
      for command in ["annotate a.mp4", "live --video a.mp4"] {
        let outcome = try Program.run("\(home) posecam \(command) \(options) --json - --smooth off", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let last = try #require(outcome.output.split(separator: "\n").last { $0.contains("\"people\"") })
        let line = try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
        let found = try #require(line["people"] as? [Any])
        #expect(people.contains(found.count), "\(command) \(options): \(found.count)")
      }
    }
  }
}
