import Testing
@testable import HSIRaster
