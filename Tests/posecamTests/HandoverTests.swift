import Foundation
import Testing

@testable import posecam

/// The two policies, drawn as timelines: a letter is an element put in, `|` a take, and the answer what was taken.
struct HandoverTests {
  /// Plays a timeline on one thread and returns what each `|` took.
  private func play(_ timeline: String, _ handover: Handover<Character>) -> String {
    var taken = ""
    for event in timeline {
      if event == "|" {
        if case .element(let element) = handover.take(until: Date()) {
          taken.append(element)
        } else {
          taken.append("-")
        }
      } else {
        handover.put(event)
      }
    }
    return taken
  }

  @Test func newestReplacesWhatNobodyTook() {
    let handover = Handover<Character>(.newest)
    #expect(play("ab|cdef|||g|", handover) == "bf--g")
    #expect(handover.dropped == 4)
    #expect(handover.depth == 0)
  }

  @Test func everyKeepsOrderAndDropsNothing() {
    let handover = Handover<Character>(.every(capacity: 4))
    #expect(play("ab|cd|||ef|||", handover) == "abcdef-")
    #expect(handover.dropped == 0)
  }

  @Test func everyMakesTheProducerWait() {
    let handover = Handover<Int>(.every(capacity: 2))
    let produced = DispatchGroup()
    DispatchQueue.global().async(group: produced) {
      for number in 0..<100 { handover.put(number) }
      handover.close()
    }
    var deepest = 0
    var taken: [Int] = []
    while let number = handover.take() {
      taken.append(number)
      deepest = max(deepest, handover.depth)
    }
    produced.wait()
    #expect(taken == Array(0..<100))
    #expect(deepest <= 2)
  }

  @Test func closingFreesAWaitingProducerAndTellsIt() {
    let handover = Handover<Int>(.every(capacity: 1))
    handover.put(1)
    let produced = DispatchGroup()
    nonisolated(unsafe) var accepted = true
    DispatchQueue.global().async(group: produced) { accepted = handover.put(2) }
    handover.close(discarding: true)
    produced.wait()
    #expect(!accepted)
    #expect(handover.take() == nil)
  }

  @Test func closedHandoverStillGivesWhatWaits() {
    let handover = Handover<Character>(.every(capacity: 4))
    _ = play("ab", handover)
    handover.close()
    #expect(handover.put("c") == false)
    #expect(play("|||", handover) == "ab-")
  }
}
