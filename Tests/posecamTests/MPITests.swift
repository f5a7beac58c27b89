import Foundation
import Testing
import Video

/// Open MPI's launcher.
private enum MPIRun {
  static let isPresent: Bool = {
    guard Program.isPresent, let folder = try? Folder() else { return false }
    return (try? Program.shell("mpirun --version", in: folder))?.output.contains("Open MPI") == true
  }()
  static let absence: Comment = "no mpirun of Open MPI (openmpi-bin)"
}

/// `mpirun posecam train`: processes that train together.
@Suite(.enabled(if: MPIRun.isPresent, MPIRun.absence))
struct MPITests {
  private let folder: Folder
  private let options =
    "--backbone-width 0.125 --channels 8 --head-channels 8 --batch 5 --size 64 --threads 1 --learning-rate 1e-5 "
    + "--schedule constant --log-every 1 --save-every 2 "
    + "--validation people.json --validation-size 64 --validate-every 4 --record-every 4"

  /// A folder with pictures of the demo scene and their labels.
  init() throws {
    folder = try Folder()
    let scene = DemoScene(width: 192, height: 128, people: 2, seed: 2)
    var (images, labels) = ([[String: Any]](), [[String: Any]]())
    for index in 0..<4 {
      let (bitmap, figures) = scene.render(at: Double(index))
      let frame = try Frame(
        bitmap: bitmap, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
      try PictureWriter.write(frame, to: folder.path("\(index).png"))
      images.append(["id": index, "file_name": "\(index).png", "width": scene.width, "height": scene.height])
      for figure in figures {
        let points = figure.points.prefix(17)
        let (left, right) = (points.map(\.x).min() ?? 0, points.map(\.x).max() ?? 0)
        let (top, bottom) = (points.map(\.y).min() ?? 0, points.map(\.y).max() ?? 0)
        labels.append([
          "id": labels.count, "image_id": index, "num_keypoints": 17, "area": 2000,
          "bbox": [left, top, right - left, bottom - top], "keypoints": points.flatMap { [$0.x, $0.y, 2] },
        ])
      }
    }
    try JSONSerialization.data(withJSONObject: ["images": images, "annotations": labels])
      .write(to: URL(fileURLWithPath: folder.path("people.json")))
  }

  /// `mpirun` with what it needs in a container, before a line of shell.
  private func mpirun(_ line: String) throws -> Program.Outcome {
    try Program.shell(
      """
      export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 POSECAM='\(try #require(Program.path))'
      mpirun --oversubscribe --bind-to none \(line)
      """, in: folder)
  }

  private func losses(_ run: String) throws -> [Double] {
    try folder.text("\(run)/log.jsonl").split(separator: "\n").map { line in
      let entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return try #require(entry["loss"] as? Double)
    }
  }

  /// Uneven shares, then another number of processes.
  @Test func processesTrainAsOneDoes() throws {
    let alone = try Program.run("posecam train --data people.json \(options) --steps 6 --out alone", in: folder)
    #expect(alone.status == 0, "\(alone.errors)")
    let three = try mpirun("-np 3 \"$POSECAM\" train --data people.json \(options) --steps 4 --out together")
    #expect(three.status == 0 && three.errors == "", "\(three.errors)")
    // One of them speaks.
    #expect(three.output.split(separator: "\n").filter { $0.hasPrefix("step ") }.count == 4, "\(three.output)")
    let two = try mpirun("-np 2 \"$POSECAM\" train --resume together --steps 6")
    #expect(two.status == 0 && two.output.contains("continued at step 4"), "\(two.errors)")
    let (ours, theirs) = (try losses("together"), try losses("alone"))
    #expect(ours.count == 6 && theirs.count == 6)
    for (mine, reference) in zip(ours, theirs) { #expect(abs(mine / reference - 1) < 1e-4) }
  }

  @Test func aKilledProcessEndsTheJobAndLeavesACheckpoint() throws {
    let run = try mpirun(
      """
      -np 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then
          (while [ ! -s run/log.jsonl ]; do sleep 0.05; done; kill -9 $$) &
        fi
        exec "$POSECAM" train --data people.json \(options) --steps 1000000 --out run'
      """)
    #expect(run.status != 0 && run.errors.contains("signal 9"), "\(run.errors)")
    let step = try losses("run").count
    let resumed = try Program.run("posecam train --resume run --steps \(step + 2)", in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("step \(step + 2)/"), "\(resumed.errors)")
  }

  @Test func processesThatDifferAreRefused() throws {
    let train = "\"$POSECAM\" train \(options) --steps 4 --out run"
    for (odd, reason) in [
      ("--data people.json --size 96", "rank 1: settings differ: 'size: 96' here, 'size: 64' on rank 0"),
      ("--data nowhere.json", "rank 1: nowhere.json"),
    ] {
      let run = try mpirun("-np 1 \(train) --data people.json : -np 1 \(train) \(odd)")
      #expect(run.status == 1 && run.errors.contains(reason), "\(run.errors)")
    }
    let few = try mpirun("-np 6 \(train) --data people.json")
    #expect(few.status == 1 && few.errors.contains("a batch of 5 cannot be split over 6 processes"), "\(few.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }
}
