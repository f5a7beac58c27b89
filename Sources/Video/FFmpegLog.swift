import CFFmpeg
import Foundation
import Synchronization

/// What FFmpeg's libraries would print: kept instead, so that it never disturbs the screen, and its last complaint can
/// explain an error.
enum FFmpegLog {
  /// By thread: several sources are opened at once, and each has its own reasons to fail.
  private static let complaints = Mutex<[pthread_t: String]>([:])
  private static let mostThreads = 64

  /// Called by everything that opens something; the first call takes over the log.
  static let isCaptured: Bool = {
    ff_log_to { line in
      let text = String(cString: line)
      // "[mov,mp4 @ 0x55…] moov atom not found\n": the address means nothing to anyone.
      let message = text.split(separator: "] ", maxSplits: 1).last.map(String.init) ?? text
      let complaint = message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
      FFmpegLog.complaints.withLock { complaints in
        // Of threads that never ask, and may be gone.
        if complaints.count >= mostThreads { complaints.removeAll() }
        complaints[pthread_self()] = complaint
      }
    }
    avdevice_register_all()
    avformat_network_init()
    return true
  }()

  /// The last complaint of this thread's calls since it asked last, "" if there was none.
  static func take() -> String { complaints.withLock { $0.removeValue(forKey: pthread_self()) } ?? "" }
}

extension VideoError {
  /// What an FFmpeg error code means.
  /// - Parameter isExplained: with the library's last complaint where that says more.
  static func reason(_ code: Int32, isExplained: Bool = true) -> String {
    var text = [CChar](repeating: 0, count: Int(AV_ERROR_MAX_STRING_SIZE))
    av_strerror(code, &text, text.count)
    let end = text.firstIndex(of: 0) ?? text.endIndex
    let reason = String(decoding: text[..<end].map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    let complaint = isExplained ? FFmpegLog.take() : ""
    return complaint.isEmpty || complaint.hasSuffix(reason) ? reason : "\(reason) (\(complaint))"
  }
}
