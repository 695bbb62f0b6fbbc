@_exported import HSICore
@_exported import HSINumerics
@_exported import HSIRaster
@_exported import HSIReport
@_exported import HSIUnmixing
