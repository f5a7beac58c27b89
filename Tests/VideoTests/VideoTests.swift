import Testing

@testable import Video
