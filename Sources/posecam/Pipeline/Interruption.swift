import CTerminal
import Dispatch
import Foundation
import Synchronization

/// The first SIGINT, SIGTERM or SIGHUP asks the running command to finish its files and end; another one, a second later or more,
/// ends it at once.
enum Interruption {
  /// The signal that asked, 0 while none did.
  private static let received = Atomic<Int32>(0)
  /// When, in nanoseconds of the monotonic clock.
  private static let since = Atomic<UInt64>(0)
  /// What comes sooner is the same wish: `timeout` sends two signals, and so do terminals that are closed.
  private static let grace: UInt64 = 1_000_000_000
  /// Both ends of the pipe through which the handler wakes a thread, since hardly anything may be called inside it.
  private static let pipe = Atomic<UInt64>(0)
  private static let handlers = Mutex<[@Sendable () -> Void]>([])

  static var isRequested: Bool { received.load(ordering: .acquiring) != 0 }

  /// Whether the run is to end, be it for a signal or for a key.
  static var isEnding: Bool { isRequested || hasBeenEnded.load(ordering: .acquiring) }
  private static let hasBeenEnded = Atomic(false)

  /// The user asked for the end without a signal.
  static func end() { hasBeenEnded.store(true, ordering: .releasing) }

  /// Exit code for a run that was interrupted but ended properly: 130 for SIGINT.
  static var exitCode: Int32 { 128 + received.load(ordering: .acquiring) }

  /// Calls `action` (on another thread) when the user asks to stop. Installs the handlers at the first call.
  static func onRequest(_ action: @escaping @Sendable () -> Void) {
    let isFirst = handlers.withLock { handlers in
      handlers.append(action)
      return handlers.count == 1
    }
    if isFirst { install() }
  }

  private static func install() {
    var ends: [Int32] = [0, 0]
    guard Foundation.pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    pipe.store(UInt64(UInt32(bitPattern: ends[0])) << 32 | UInt64(UInt32(bitPattern: ends[1])), ordering: .releasing)
    let readEnd = ends[0]
    DispatchQueue(label: "posecam.interruption").async {
      var byte: UInt8 = 0
      while read(readEnd, &byte, 1) < 0 && errno == EINTR {}
      for action in handlers.withLock({ $0 }) { action() }
    }
    // A parent may have left them blocked, and a blocked signal is never heard.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    defer { pthread_sigmask(SIG_UNBLOCK, &signals, nil) }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      var previous = sigaction()
      sigaction(number, nil, &previous)
      // Started by nohup or in the background of a script: what is ignored stays ignored.
      if unsafeBitCast(previous.__sigaction_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      signal(number) { number in
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
        guard
          Interruption.received.compareExchange(expected: 0, desired: number, ordering: .acquiringAndReleasing)
            .exchanged
        else {
          let since = Interruption.since.load(ordering: .acquiring)
          if since == 0 || now &- since < Interruption.grace { return }
          ct_guard_leave()
          _exit(128 + number)
        }
        Interruption.since.store(now, ordering: .releasing)
        var byte: UInt8 = 1
        _ = write(Int32(truncatingIfNeeded: Interruption.pipe.load(ordering: .acquiring) & 0xFFFF_FFFF), &byte, 1)
      }
    }
  }
}
