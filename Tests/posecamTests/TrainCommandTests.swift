import Foundation
import FoundationXML
import Infer
import Testing

/// `train` as a process: what only a process can suffer.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct TrainCommandTests {
  private let folder: Folder

  init() throws {
    folder = try Folder()
    try folder.writeLabelledPictures()
  }

  private static let train =
    "posecam train --data people.json \(Folder.quickTraining) --log-every 1 --save-every 2 --steps"

  /// The lines of a log without what the clock says.
  private func log(_ run: String) throws -> [[String: Double]] {
    try folder.text("\(run)/log.jsonl").split(separator: "\n").map { line in
      let entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return entry.filter { !["seconds", "images_per_second"].contains($0.key) }.compactMapValues { $0 as? Double }
    }
  }

  @Test func aKilledRunEndsAsAnUndisturbedOne() throws {
    let whole = try Program.run("\(Self.train) 9 --out whole", in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    let program = try #require(Program.path)
    let killed = try Program.run(
      """
      posecam() { exec '\(program)' "$@"; }
      \(Self.train) 9 --out parts > .output & pid=$!
      # Once the log tells of more than the first checkpoint holds.
      for try in $(seq 1000); do [ "$(cat parts/log.jsonl 2> .no | wc -l)" -ge 3 ] && break; sleep 0.02; done
      kill -9 $pid; wait $pid
      """, in: folder)
    #expect(killed.status == 137)
    let count = try log("parts").count
    #expect(count >= 3 && count < 9)
    try "half".write(toFile: folder.path("parts/last.ckpt.partial-1"), atomically: false, encoding: .utf8)

    let resumed = try Program.run("posecam train --resume parts", in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    for name in ["last.ckpt", "best.safetensors", "settings.yaml"] {
      #expect(try folder.data("whole/\(name)") == folder.data("parts/\(name)"), "\(name)")
    }
    #expect(try log("whole") == log("parts"))
    #expect(
      try !FileManager.default.contentsOfDirectory(atPath: folder.path("parts")).contains { $0.contains("partial") })
  }

  @Test func aFullDiskLeavesTheOldCheckpoint() throws {
    #expect(try Program.run("\(Self.train) 2 --out run", in: folder).status == 0)
    let before = try folder.data("run/last.ckpt")
    let blocks = before.count / 512 - 8
    let outcome = try Program.run(
      "trap '' XFSZ; ulimit -f \(blocks); posecam train --resume run --steps 4", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("run/last.ckpt: cannot be written: File too large"))
    #expect(outcome.complaints.count == 1)
    #expect(try folder.data("run/last.ckpt") == before)
    let resumed = try Program.run("posecam train --resume run --steps 4", in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("continued at step 2"), "\(resumed.errors)")
  }

  /// A model's weights bring their network; its checkpoint is a model as well.
  @Test func aRunTakesTheNetworkOfItsWeights() throws {
    #expect(try Program.run("\(Self.train) 1 --out first", in: folder).status == 0)
    let small = "--batch 2 --size 64 --steps 2 --log-every 1"
    let second = try Program.run(
      "posecam train --data people.json \(small) --weights-only first/last.ckpt --out second", in: folder)
    #expect(second.status == 0 && !second.output.contains("start at random"), "\(second.output)\(second.errors)")
    let networks = try ["first", "second"].map { try Model(contentsOf: folder.path("\($0)/best.safetensors")).network }
    #expect(networks[0] == networks[1] && networks[0].channels == 8)
    let other = try Program.run(
      "posecam train --data people.json \(small) --channels 24 --weights-only first/best.safetensors --out third",
      in: folder)
    #expect(other.status == 0 && other.output.contains("or of another shape, and start at random"), "\(other.errors)")
    // A settings file that says nothing of the network leaves it to the weights, in a dry run too.
    try "batch: 2\nsize: 64\n".write(toFile: folder.path("own.yaml"), atomically: false, encoding: .utf8)
    let start = "posecam train --data people.json --settings own.yaml --weights-only first/best.safetensors --dry-run"
    let dry = try Program.run(start, in: folder)
    #expect(dry.status == 0 && dry.output.contains("\nchannels: 8\n"), "\(dry.output)\(dry.errors)")
    let named = try Program.run("\(start) --set refinement_stages=2", in: folder)
    #expect(named.output.contains("\nchannels: 128\n"), "\(named.output)\(named.errors)")
    let timed = try Program.run("posecam train --resume first --steps 100000 --time-limit 0.01", in: folder)
    #expect(timed.output.contains("time is up at step ") && timed.output.contains("; continue with --resume first"))
    let full = try Program.run("posecam train --resume second --steps 4 > /dev/full", in: folder)
    #expect(full.status == 1 && full.errors.contains("standard output"))
    let settings = try Program.run("posecam train --resume second --settings first/settings.yaml", in: folder)
    #expect(settings.status == 64 && settings.errors.contains("--set"))
  }

  /// Killed, out of disk or at its limit: what is there stays, and the next run makes the file that an undisturbed one makes.
  @Test func aTeacherIsAskedOnce() throws {
    #expect(try Program.run("\(Self.train) 1 --out run", in: folder).status == 0)
    try folder.writeLabelledPictures(count: 30)
    let cache = "cache-teacher --teacher run/best.safetensors --data people.json --size 256 --threads 1 --out"
    let whole = try Program.run("posecam \(cache) whole", in: folder)
    #expect(whole.status == 0 && whole.output.hasPrefix("whole: 30 of 30 pictures, "), "\(whole.errors)")
    let program = try #require(Program.path)
    let killed = try Program.run(
      """
      '\(program)' \(cache) maps > .output & pid=$!
      for try in $(seq 1000); do [ "$(cat maps/maps.teacher 2> .no | wc -c)" -ge 3000 ] && break; done
      kill -9 $pid; wait $pid
      (trap '' XFSZ; ulimit -f 20; '\(program)' \(cache) maps)
      """, in: folder)
    #expect(killed.status == 1 && killed.errors.contains("maps/maps.teacher: cannot be written: File too large"))
    let resumed = try Program.run("posecam \(cache) maps", in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("of them from before"), "\(resumed.errors)")
    #expect(try folder.data("maps/maps.teacher") == folder.data("whole/maps.teacher"))

    let distill = "posecam distill --data people.json \(Folder.quickTraining) --steps 2 --log-every 1"
    try FileManager.default.createDirectory(atPath: folder.path("more"), withIntermediateDirectories: false)
    try FileManager.default.copyItem(atPath: folder.path("7.png"), toPath: folder.path("more/7.png"))
    #expect(
      try Program.run("posecam \(cache) maps --unlabeled more", in: folder).output.contains("31 of 31 pictures, 30 of"))
    let learnt = try Program.run("\(distill) --teacher-cache maps --unlabeled more --out student", in: folder)
    #expect(learnt.status == 0 && learnt.output.contains("61 samples"), "\(learnt.output) \(learnt.errors)")
    #expect(try folder.text("student/settings.yaml").contains("/maps\""))
    let again = try Program.run("posecam distill --resume student --steps 3", in: folder)
    #expect(again.status == 0 && again.output.contains("step 3/3"), "\(again.errors)")

    for (line, status, reason) in [
      ("posecam \(cache) maps --size 128", 1, "holds the maps of best.safetensors at 256 pixels"),
      ("posecam cache-teacher --teacher people.json --data people.json --out other", 1, "people.json"),
      ("posecam cache-teacher --teacher run/best.safetensors --out other", 64, "--data or --unlabeled"),
      ("\(distill) --teacher-cache nowhere --out other", 1, "nowhere: holds no maps"),
      ("\(distill) --teacher-cache maps --teacher run/best.safetensors --out other", 64, "Only one of"),
      ("\(distill) --out other", 64, "--pseudo-labels"),
      ("posecam train --data people.json --set unlabeled=more --out other", 1, "only where there is a teacher"),
      ("\(distill) --pseudo-labels run/log.jsonl --out other", 1, "run/log.jsonl"),
      ("\(distill) --teacher-cache maps --unlabeled run --out other", 1, "run: holds no pictures"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(Int(outcome.status) == status && outcome.errors.contains(reason), "\(line): \(outcome.errors)")
    }
  }

  @Test func curvesAreDrawn() throws {
    #expect(try Program.run("\(Self.train) 4 --out run", in: folder).status == 0)
    let log = try folder.text("run/log.jsonl")
    try log.dropLast(20).write(toFile: folder.path("cut.jsonl"), atomically: false, encoding: .utf8)
    let plain = try Program.run("LC_ALL=C.UTF-8 COLUMNS=100; export LC_ALL COLUMNS; posecam plot run", in: folder)
    #expect(plain.status == 0 && plain.errors == "")
    #expect(["╭─ loss ─", "loss of each output", "learning rate", "⠉"].allSatisfy(plain.output.contains))
    #expect(!plain.output.contains("\u{1B}") && plain.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
    for name in ["curves.svg", "curves.png"] {
      let outcome = try Program.run("posecam plot run cut.jsonl --smooth 0 -o \(name)", in: folder)
      #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome.errors)")
    }
    let picture = try folder.text("curves.svg")
    #expect(XMLParser(data: Data(picture.utf8)).parse() && picture.contains(">cut.jsonl</text>"))
    #expect(try folder.data("curves.png").starts(with: [0x89, 0x50, 0x4E, 0x47]))

    for (options, reason) in [
      ("nowhere", "nowhere: no such run"), ("people.json", "people.json: holds no entry"),
      (". ", "log.jsonl: cannot be read"), ("run --curve los", "there is no curve 'los'; there are images_per_second"),
      ("run -o run/log.jsonl", "is the input itself"),
      ("run -o curves.gif", "charts are written as .svg, .png or .jpg"),
      ("run -o nowhere/a.svg", "nowhere/a.svg: cannot be written"),
    ] {
      let outcome = try Program.run("posecam plot \(options)", in: folder)
      #expect(outcome.status == 1 && outcome.complaints.count == 1, "\(options): \(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(options): \(outcome.errors)")
    }
    #expect(try Program.run("posecam plot run --smooth 1", in: folder).status == 64)
    #expect(try Program.run("posecam train --benchmark 0", in: folder).status == 64)
    #expect(try folder.text("run/log.jsonl") == log)
  }

  @Test func valuesThatNoRunTakesAreWrongUsage() throws {
    for (flag, takes) in [
      ("--batch 0", "--batch takes 1 to 1024"), ("--steps=-5", "--steps takes 1 to 10⁹"),
      ("--head-channels 1", "--head-channels takes 8 to 4096"),
      ("--steps 10 --warm-up 11", "--warm-up takes 0 to the number of steps"),
    ] {
      let wrong = try Program.run("posecam train --data people.json --out other \(flag)", in: folder)
      #expect(wrong.status == 64 && wrong.errors.contains(takes), "\(wrong.errors)")
    }
    let file = try Program.run("posecam train --data people.json --out other --set batch=0", in: folder)
    #expect(file.status == 1 && file.errors.contains("setting 'batch' takes 1 to 1024"), "\(file.errors)")
  }

  @Test func aDryRunShowsEverythingAndTrainsNothing() throws {
    try "batch = 3\nsteps = 7\n[augmentation]\nmirror = 0.25\n"
      .write(toFile: folder.path("own.toml"), atomically: false, encoding: .utf8)
    let train = "posecam train --data people.json --validation people.json --settings own.toml --dry-run"
    let outcome = try Program.run("\(train) --steps 5 --out run", in: folder)
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    for part in [
      "batch: 3\n", "steps: 5\n", "mirror: 0.25\n", "network: 4091698 parameters, 4.298 G multiply-adds at 256x256",
      "people.json: 4 pictures, 0 with nobody; 8 people", "8 samples", "run/batch.png",
    ] { #expect(outcome.output.contains(part), "\(part)") }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("run")) == ["batch.png"])
    #expect(try Program.run("\(Self.train) 1 --out run", in: folder).status == 0)

    for (options, status, reason) in [
      ("--from-mobilenet run/best.safetensors --backbone-width 0.25", 1, "--backbone-width must be that of the file"),
      ("--from-mobilenet nowhere", 1, "nowhere: no such file"), ("--resume run", 64, "leave out --resume"),
      ("--images nowhere", 1, "nothing to train on"), ("--validation-images nowhere", 1, "none of its pictures"),
      ("--settings nowhere.toml", 1, "nowhere.toml: cannot be read"),
      ("--size 100", 64, "--size takes a multiple of 8"),
    ] {
      let outcome = try Program.run("\(train) \(options)", in: folder)
      #expect(Int(outcome.status) == status && outcome.errors.contains(reason), "\(options): \(outcome.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("batch.png")))
  }

  @Test func checkpointsOfAnotherNetworkAreRefused() throws {
    #expect(try Program.run("\(Self.train) 1 --out run", in: folder).status == 0)
    try WeightFile(tensors: ["w": Tensor(shape: [1], values: [1])], metadata: [:]).write(
      to: folder.path("other.safetensors"))
    for (options, reason) in [
      ("--resume run --channels 16", "a checkpoint of another network"),
      ("--resume nowhere", "nowhere: holds no last.ckpt"),
      ("--data people.json --steps 1 --out other --weights-only other.safetensors", "no tensor of it has the name"),
      ("--data people.json --out run", "holds a run already"),
    ] {
      let outcome = try Program.run("posecam train \(options)", in: folder)
      #expect(outcome.status == 1 && outcome.complaints.count == 1, "\(options): \(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(options): \(outcome.errors)")
    }
  }
}
