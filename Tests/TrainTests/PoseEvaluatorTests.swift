import Foundation
import Infer
import Synchronization
import TestSupport
import Testing
import Tracker

@testable import Train

struct PoseEvaluatorTests {
  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"))
  func aTrainedModelFindsPeople() throws {
    let folder = Shared.url("data")
    let all = try KeypointAnnotations(contentsOf: folder.appendingPathComponent("studio-dev.json").path)
    let two = all.subset([0, 1])
    let model = try Model(contentsOf: Shared.url("models/bootstrap.safetensors").path)
    var settings = PoseEvaluator.Settings()
    settings.height = 128
    let seen = Mutex(0)
    let images = folder.appendingPathComponent("pictures").path
    let evaluation = try PoseEvaluator(settings).evaluate(model, on: two, images: images) { done in
      seen.withLock { $0 = max($0, done) }
    }
    #expect(seen.withLock { $0 } == 2)
    #expect(evaluation.metric.summary.values[1] > 0.9, "AP50 of two people in plain view")
    #expect(evaluation.problems.isEmpty && evaluation.emptyPictures == 0)

    // A mirror and other scales see the same people, and sides are not swapped.
    settings.usesMirror = true
    settings.scales = [1, 1.5]
    settings.threads = 2
    let mirrored = try PoseEvaluator(settings).evaluate(model, on: two, images: images)
    #expect(mirrored.metric.summary.values[1] > 0.9)

    // In tiles nobody is counted twice.
    settings = PoseEvaluator.Settings()
    settings.height = 128
    settings.tiles = PictureTiles(columns: 2, rows: 2)
    let tiled = try PoseEvaluator(settings).evaluate(model, on: two, images: images)
    #expect(tiled.metric.summary.values[1] > 0.9)

    let error = #expect(throws: TrainError.self) {
      try PoseEvaluator(settings).evaluate(model, on: two, images: "/nowhere")
    }
    #expect(error?.description.contains("can be read") == true)
  }
}
