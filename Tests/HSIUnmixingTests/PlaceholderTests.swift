import Testing
@testable import HSIUnmixing
