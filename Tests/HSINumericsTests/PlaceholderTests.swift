import Testing
@testable import HSINumerics
