import HSICore
import HSIRaster
import HSIReport

/// A raster that a job writes from the strips that a method delivers.
public struct RasterProduct {
  /// The product whose values it holds.
  public var name: ProductName
  /// The file.
  public var path: String
  /// What it holds, for reports: `restored cube`.
  public var content: String
  /// One entry per band; `nodata` fills pixels without a result.
  public var metadata: CubeMetadata
  /// Type of the stored samples.
  public var type = SampleType.float32
  /// Order of the bands where the format lets it choose.
  public var interleave: Interleave? = .bsq

  /// A product and the file that it goes to.
  public init(_ name: ProductName, path: String, content: String, metadata: CubeMetadata) {
    self.name = name
    self.path = path
    self.content = content
    self.metadata = metadata
  }
}

/// Takes strips of results in order and writes each product to its file; all files are complete at the end, or none is left.
///
/// A sink knows nothing of methods: it goes by the names of products. Cost: one copy of what is written.
public final class ProductSink {
  /// Bytes of a computed product that are held at a time, or one line.
  private static let computedBytes = 8 << 20

  private struct Target {
    var product: RasterProduct
    var writer: ResultWriter
  }

  private let lines: Int
  private let samples: Int
  private let writing: RasterWriting
  private let inputs: [String]
  private let grid: OrthoGrid?
  private let context: RunContext
  private var targets: [Target] = []
  private let scratch = PixelMatrix(rows: 0, columns: 1)

  /// A sink for maps of some lines × samples.
  ///
  /// - Parameters:
  ///   - inputs: files that must not be replaced.
  ///   - grid: the map grid that results of a swath are brought to.
  public init(
    lines: Int, samples: Int, writing: RasterWriting, inputs: [String], grid: OrthoGrid? = nil, _ context: RunContext
  ) {
    self.lines = lines
    self.samples = samples
    self.writing = writing
    self.inputs = inputs
    self.grid = grid
    self.context = context
  }

  /// Opens the file of a product.
  ///
  /// - Throws: the errors of `RasterFormats.create`; what was opened before is gone then.
  public func open(_ product: RasterProduct) throws {
    do {
      let writer = try RasterFormats.create(
        product.path, shape: CubeShape(lines: lines, samples: samples, bands: product.metadata.bands),
        type: product.type, metadata: product.metadata,
        options: writing.options(interleave: product.interleave, inputs: inputs, grid: grid), context: context)
      targets.append(Target(product: product, writer: ResultWriter(writer, metadata: product.metadata)))
    } catch {
      discard()
      throw error
    }
  }

  /// Writes the products of one strip; the sink takes those that it has files for.
  public func write(_ strip: ProductStrip) throws {
    for target in targets {
      if let values = strip[target.product.name] {
        try target.writer.write(values, positions: strip.positions, window: strip.window)
      } else if let computed = strip.computation(of: target.product.name) {
        try write(computed, of: strip, with: target.writer)
      } else {
        preconditionFailure("the strip has no \(target.product.name)")
      }
    }
  }

  /// Computes and writes a product some lines at a time.
  private func write(_ computed: ProductStrip.Computed, of strip: ProductStrip, with writer: ResultWriter) throws {
    let window = strip.window
    let height = max(1, ProductSink.computedBytes / (4 * computed.columns * window.samples))
    var first = 0
    for line in stride(from: 0, to: window.lines, by: height) {
      let lines = min(height, window.lines - line)
      let end = (line + lines) * window.samples
      let last = strip.positions[first...].firstIndex { Int($0) >= end } ?? strip.positions.count
      computed.compute(first..<last, scratch)
      let start = Int32(line * window.samples)
      try writer.write(
        scratch, positions: strip.positions[first..<last].map { $0 - start },
        window: PixelWindow(
          line: window.line + line, sample: window.sample, lines: lines, samples: window.samples))
      first = last
    }
  }

  /// Completes all files.
  ///
  /// - Returns: the files in the order in which products were opened, with what they hold.
  public func finish() throws -> [ReportOutput] {
    try targets.flatMap { target in
      try target.writer.finish().map { ReportOutput(path: $0, content: target.product.content) }
    }
  }

  /// Deletes what was written so far.
  public func discard() {
    for target in targets { target.writer.discard() }
    targets = []
  }

  /// Runs the work whose results come here; when it fails nothing of them is left.
  public func run<Result>(_ work: (ProductSink) throws -> Result) throws -> Result {
    do {
      return try work(self)
    } catch {
      discard()
      throw error
    }
  }
}
