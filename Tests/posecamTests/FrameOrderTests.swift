import Dispatch
import Synchronization
import Testing

@testable import posecam

@Suite struct FrameOrderTests {
  @Test func earlyResultsWaitForTheirTurn() {
    let order = FrameOrder<Int>(reach: 4)
    var delivered: [Int] = []
    func deliver(_ ticket: Int) -> Bool {
      order.deliver(ticket, ticket: ticket) {
        delivered.append($0)
        return true
      }
    }
    #expect(deliver(2) && deliver(1))
    #expect(delivered.isEmpty)
    #expect(deliver(0))
    #expect(delivered == [0, 1, 2])
  }

  @Test func streamsOfDifferentSpeedsDeliverInOrder() {
    let order = FrameOrder<Int>(reach: 6)
    let tickets = Mutex(0)
    let delivered = Mutex([Int]())
    DispatchQueue.concurrentPerform(iterations: 3) { stream in
      while true {
        let ticket = tickets.withLock { next in
          defer { next += 1 }
          return next
        }
        guard ticket < 300 else { return }
        if ticket % 3 == stream { _ = (0..<20_000).reduce(ticket) { $0 ^ $1 &* 31 } }
        _ = order.deliver(ticket, ticket: ticket) { number in
          delivered.withLock { $0.append(number) }
          return true
        }
      }
    }
    #expect(delivered.withLock { $0 } == Array(0..<300))
  }

  @Test func aFailedStreamReleasesThoseThatWait() {
    let order = FrameOrder<Int>(reach: 1)
    let wasWanted = Mutex(true)
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      let wanted = order.deliver(1, ticket: 1) { _ in true }
      wasWanted.withLock { $0 = wanted }
    }
    order.end()
    group.wait()
    #expect(!wasWanted.withLock { $0 })
    #expect(!order.deliver(0, ticket: 0) { _ in true })
  }

  @Test func aConsumerThatIsGoneEndsIt() {
    let order = FrameOrder<Int>(reach: 2)
    #expect(!order.deliver(0, ticket: 0) { _ in false })
    #expect(!order.deliver(1, ticket: 1) { _ in true })
  }
}
