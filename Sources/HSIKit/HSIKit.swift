@_exported import HSICore
@_exported import HSINumerics
@_exported import HSIRaster
@_exported import HSIReport
@_exported import HSIRestoration
@_exported import HSITransformer
@_exported import HSIUnmixing
