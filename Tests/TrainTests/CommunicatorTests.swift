import Foundation
import Infer
import Testing

@testable import Train

@Suite struct CommunicatorTests {
  @Test func whatFailsForOneFailsForAllWithEveryReason() throws {
    #expect {
      try ThreadCommunicator.run(4) { processes in
        try processes.agree {
          if processes.rank == 1 || processes.rank == 3 { throw TrainError("a.json: cannot be read") }
          if processes.rank == 2 { throw TrainError("no memory") }
        }
      }
    } throws: { error in
      let error = error as? TrainError
      return error?.isShared == true
        && error?.description == "rank 1, 3: a.json: cannot be read; rank 2: no memory"
    }
    #expect {
      try ThreadCommunicator.run(2) { try $0.agree { throw TrainError("no memory") } }
    } throws: {
      "\($0)" == "no memory"
    }
    try ThreadCommunicator.run(3) { processes in
      let double = try processes.agree { processes.rank * 2 }
      #expect(double == processes.rank * 2)
    }
    // Alone, an error stays what it is.
    #expect(throws: CocoaError.self) { try SingleProcess().agree { throw CocoaError(.fileNoSuchFile) } }
  }

  @Test func otherSettingsAreRefusedButNotOtherPaths() throws {
    try ThreadCommunicator.run(3) { processes in
      var settings = TrainSettings()
      settings.images = "/disk\(processes.rank)/pictures"
      try processes.compare(settings)
    }
    #expect {
      try ThreadCommunicator.run(3) { processes in
        var settings = TrainSettings()
        settings.augmentation.rotation = processes.rank == 2 ? 20 : 40
        try processes.compare(settings)
      }
    } throws: { error in
      let text = "\(error)"
      return text.contains("rank 2: ") && text.contains("rotation: 20") && text.contains("rotation: 40")
    }
    for lines in [["a"], ["a", "b", "c"], []] {
      #expect {
        try ThreadCommunicator.run(2) { try $0.compare($0.isFirst ? ["a", "b"] : lines, what: "options differ") }
      } throws: {
        "\($0)".hasPrefix("rank 1: options differ: ")
      }
    }
  }

  /// Only the first process has the file.
  @Test func weightsAreReadByOneForAll() throws {
    let path = NSTemporaryDirectory() + "weights-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = WeightFile(tensors: ["a": Tensor(shape: [3], values: [1, 2, 3])], metadata: ["b": "c"])
    try file.write(to: path)
    try ThreadCommunicator.run(3) { processes in
      let read = try processes.weights(of: processes.isFirst ? path : "/none")
      #expect(read == file)
    }
    #expect {
      try ThreadCommunicator.run(3) { _ = try $0.weights(of: "/none") }
    } throws: {
      "\($0)" == "rank 0: /none: no such file"
    }
    try Data(repeating: 7, count: 100).write(to: URL(fileURLWithPath: path))
    #expect(throws: TrainError.self) { try ThreadCommunicator.run(2) { _ = try $0.weights(of: path) } }
  }

  @Test func sharesCoverABatch() throws {
    for count in 1...7 {
      for total in count...20 {
        let ranges = try (0..<count).map { try BatchShare(of: total, rank: $0, count: count).range }
        #expect(Array(ranges.joined()) == Array(0..<total))
        #expect(ranges.allSatisfy { (total / count...total / count + 1).contains($0.count) })
      }
    }
    #expect {
      try BatchShare(of: 3, rank: 0, count: 4)
    } throws: {
      "\($0)".contains("batch of 3") && "\($0)".contains("4 processes")
    }
  }

  // MARK: - mpirun

  @Test func whatMpirunSays() throws {
    #expect(try Launch(environment: [:]) == nil)
    #expect(try Launch(environment: ["PMI_SIZE": "1", "PMI_RANK": "0"]) == nil)
    let launch = try #require(
      try Launch(environment: [
        "OMPI_COMM_WORLD_SIZE": "6", "OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_LOCAL_SIZE": "3",
      ]))
    #expect(
      launch
        == (try Launch(environment: [
          "OMPI_COMM_WORLD_SIZE": "6", "OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_LOCAL_SIZE": "3", "PMI_SIZE": "6",
        ])))
    #expect(launch.rank == 5 && launch.count == 6 && launch.localCount == 3)
    #expect(launch.processors(usable: 12, of: 12) == 4 && launch.processors(usable: 1, of: 12) == 1)
    #expect(launch.processors(usable: 2, of: 2) == 1)
    #expect(launch.advice(usable: 12, of: 12) == nil && launch.advice(usable: 1, of: 12)?.contains("1 of 12") == true)
    #expect {
      try Launch(environment: ["PMI_SIZE": "2", "PMI_RANK": "0"])
    } throws: {
      "\($0)".contains("Open MPI")
    }
    #expect(throws: TrainError.self) {
      try Launch(environment: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "2"])
    }
  }

  @Test func librariesThatAreMissingOrOthersAreRefused() {
    #expect {
      try MPILibrary(name: "libnowhere.so.40")
    } throws: {
      "\($0)".contains("libnowhere.so.40") && "\($0)".contains("install")
    }
    #expect {
      try MPILibrary(name: "libm.so.6")
    } throws: {
      "\($0)".contains("no Open MPI")
    }
  }
}
