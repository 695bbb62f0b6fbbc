import Testing
@testable import HSIReport
