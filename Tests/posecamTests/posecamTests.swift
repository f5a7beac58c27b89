import Testing

@testable import posecam
