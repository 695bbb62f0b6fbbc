import Foundation
import HSICore
import HSINumerics
import HSIRaster

/// The facts about a cube and where each comes from, as text and JSON.
public struct CubeFacts {
  /// The cube.
  public let reader: any CubeReader
  /// Pixels that are not no data, where they were counted.
  public private(set) var validPixels: Int?
  /// Pixels of the part that was counted.
  public private(set) var totalPixels: Int?
  /// Minimum, mean, maximum and covariance per band, where they were asked for.
  public private(set) var statistics: SceneStatistics?
  /// Noise per band by inter-band regression, where it was asked for; nil for bad bands.
  public private(set) var noise: [Double?]?

  /// The facts about a scene.
  ///
  /// - Parameters:
  ///   - hasStatistics: whether all pixels are read for statistics.
  ///   - hasNoise: whether all pixels are read for the noise.
  public init(_ scene: OpenScene, hasStatistics: Bool = false, hasNoise: Bool = false, _ context: RunContext) throws {
    reader = scene.reader
    guard hasStatistics || hasNoise else { return }
    let source = try scene.source(bands: .all, context)
    let all = try SceneStatistics(source, context)
    validPixels = all.count
    totalPixels = source.shape.pixels
    if hasStatistics { statistics = all }
    guard hasNoise else { return }
    // Bad bands would spoil the regression of the good ones.
    let good = try scene.source(bands: .good, context)
    let estimate = try NoiseEstimate(
      SceneStatistics(good, context, label: "noise statistics", precision: .double))
    var values = [Double?](repeating: nil, count: source.shape.bands)
    for (band, variance) in zip(good.bands, estimate.variances) { values[band] = variance.squareRoot() }
    noise = values
  }

  private var metadata: CubeMetadata { reader.metadata }

  /// Lines of `label value [source]`.
  ///
  /// - Parameter spelling: how parameters are spelled that would help.
  public func text(spelling: (String) -> String = { $0 }) -> String {
    ParameterSpelling.spelled(lines(), by: spelling)
  }

  private func lines() -> String {
    let shape = reader.shape
    var lines: [(String, String)] = []
    let order = shape.bands > 1 ? ", \(reader.interleave.rawValue.uppercased())" : ""
    lines.append(("file", Secrets.masked(reader.path)))
    lines.append(("format", "\(reader.format), \(reader.sampleType.rawValue)\(order)"))
    let bytes = shape.pixels * shape.bands * reader.sampleType.size
    lines.append(
      (
        "size",
        "\(shape.lines) lines × \(shape.samples) samples × \(shape.bands) bands, \(MemoryBudget.text(bytes))"
      ))
    if let summary = metadata.summary, !summary.isEmpty { lines.append(("summary", summary)) }
    lines.append(("quantity", metadata.quantity.rawValue + source("quantity")))
    lines.append(("wavelengths", wavelengthText))
    if let fwhm = metadata.axis.fwhm, let least = fwhm.min(), let most = fwhm.max() {
      lines.append(("FWHM", "\(number(least)) to \(number(most)) nm" + source("fwhm")))
    }
    let bad = metadata.axis.good.indices.filter { !metadata.axis.good[$0] }
    lines.append(
      ("bad bands", bad.isEmpty ? "none listed" : "\(bad.count): \(ranges(bad))" + source("goodBands")))
    lines.append(("nodata", summaryOf(metadata.nodata.map { $0.map(number) ?? "none" }) + source("nodata")))
    let scaling = zip(metadata.scale, metadata.offset).map { scale, offset in
      offset == 0 ? number(scale) : "\(number(scale)), offset \(number(offset))"
    }
    if scaling.contains(where: { $0 != "1" }) {
      lines.append(("scale", summaryOf(scaling) + source("scale")))
    }
    lines += georeferenceLines
    if let acquired = metadata.acquired { lines.append(("acquired", acquired)) }
    if let sensor = metadata.sensor { lines.append(("sensor", sensor)) }
    if let rgb = metadata.defaultRGB {
      lines.append(
        ("display", "bands \(rgb.map { String($0 + 1) }.joined(separator: ", "))" + source("defaultRGB")))
    }
    if let classes = metadata.classes {
      lines.append(("classes", classes.map(\.name).joined(separator: ", ")))
    }
    if reader.files.count > 1 { lines.append(("files", reader.files.map(Secrets.masked).joined(separator: ", "))) }
    if let validPixels, let totalPixels { lines.append(("valid", "\(validPixels) of \(totalPixels) pixels")) }
    let width = lines.map(\.0.count).max() ?? 0
    // What a file says stays on the line of its fact.
    var text = lines.map {
      "\($0.0.padding(toLength: width, withPad: " ", startingAt: 0))  \(ControlCharacters.shown($0.1, keepsLines: false))\n"
    }.joined()
    if statistics != nil || noise != nil { text += bandTable }
    return text
  }

  private var wavelengthText: String {
    guard let wavelengths = metadata.axis.wavelengths, let least = wavelengths.min(),
      let most = wavelengths.max()
    else { return "not in the file (give \(option: "wavelengths"))" }
    let steps = zip(wavelengths, wavelengths.dropFirst())
    var text = "\(number(least)) to \(number(most)) nm"
    if zip(wavelengths, wavelengths.dropFirst()).allSatisfy({ $0 > $1 }), wavelengths.count > 1 {
      text += ", descending"
    } else if steps.contains(where: { $0 >= $1 }) {
      text += ", not monotonic"
    }
    return text + source("wavelengths")
  }

  private var georeferenceLines: [(String, String)] {
    guard let reference = metadata.georeference else { return [("position", "none")] }
    var lines: [(String, String)] = []
    if let crs = reference.crs, !crs.isEmpty { lines.append(("reference", crsName(crs))) }
    switch reference.mapping {
    case .affine(let t):
      lines.append(("origin", "\(number(t[0])), \(number(t[3]))"))
      let (width, height) = (hypot(t[1], t[4]), hypot(t[2], t[5]))
      let rotated = t[2] != 0 || t[4] != 0
      lines.append(("pixel", "\(number(width)) × \(number(height))" + (rotated ? ", rotated" : "")))
    case .groundControlPoints(let points): lines.append(("position", "\(points.count) ground control points"))
    case .geolocation: lines.append(("position", "longitude and latitude arrays (\(option: "ortho") geoloc)"))
    }
    if reader.lookup != nil { lines.append(("map grid", "lookup table in the product (\(option: "ortho") glt)")) }
    return lines
  }

  /// The name inside a WKT string: `PROJCRS["WGS 84 / UTM zone 33N",…`.
  private func crsName(_ wkt: String) -> String {
    let parts = wkt.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
    return parts.count > 1 ? String(parts[1]) : wkt
  }

  private var bandTable: String {
    var text = "\nband  wavelength"
    if statistics != nil { text += "       minimum          mean       maximum     deviation" }
    if noise != nil { text += "         noise           SNR" }
    text += "\n"
    func cell(_ value: Double?) -> String { value.map { String(format: "%14.6g", $0) } ?? "             –" }
    for band in 0..<reader.shape.bands {
      let wavelength = metadata.axis.wavelengths.map { String(format: "%10.2f", $0[band]) } ?? "         –"
      text += String(format: "%4d", band + 1) + "  " + wavelength
      if let s = statistics {
        text += cell(Double(s.minimum[band])) + cell(s.mean[band]) + cell(Double(s.maximum[band]))
        text += cell(max(0, s.covariance[band, band]).squareRoot())
      }
      if let noise {
        text += cell(noise[band])
        if let statistics, let value = noise[band], value > 0 {
          text += cell(statistics.mean[band] / value)
        } else {
          text += cell(nil)
        }
      }
      text += metadata.axis.good[band] ? "\n" : "  bad\n"
    }
    return text
  }

  private func source(_ fact: String) -> String { metadata.sources[fact].map { " [\($0.rawValue)]" } ?? "" }

  private func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e12 { return String(Int(clamping: value)) }
    return String(format: "%.10g", value)
  }

  private func summaryOf(_ values: [String]) -> String {
    guard let first = values.first else { return "none" }
    return values.allSatisfy { $0 == first } ? first : "differs by band (\(first) …)"
  }

  /// `1-4, 76, 100-102`, 1-based.
  private func ranges(_ bands: [Int]) -> String {
    var parts: [String] = []
    var start = 0
    for i in bands.indices where i + 1 == bands.count || bands[i + 1] != bands[i] + 1 {
      parts.append(start == i ? "\(bands[i] + 1)" : "\(bands[start] + 1)-\(bands[i] + 1)")
      start = i + 1
    }
    return parts.joined(separator: ", ")
  }

  /// One JSON object; facts are `{"value": …, "source": …}`.
  public func json() throws -> String {
    func fact(_ value: Any?, _ name: String) -> Any {
      ["value": value ?? NSNull(), "source": metadata.sources[name]?.rawValue ?? NSNull()] as [String: Any]
    }
    func finite(_ value: Double?) -> Any {
      guard let value else { return NSNull() }
      return value.isFinite ? value : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
    }
    let shape = reader.shape
    var object: [String: Any] = [
      "file": Secrets.masked(reader.path), "files": reader.files.map(Secrets.masked), "format": reader.format,
      "lines": shape.lines,
      "samples": shape.samples, "bands": shape.bands, "type": reader.sampleType.rawValue,
      "interleave": reader.interleave.rawValue, "blockLines": reader.blockLines,
      "quantity": fact(metadata.quantity.rawValue, "quantity"),
      "wavelengths": fact(metadata.axis.wavelengths.map { $0.map(finite) }, "wavelengths"),
      "fwhm": fact(metadata.axis.fwhm.map { $0.map(finite) }, "fwhm"),
      "goodBands": fact(metadata.axis.good, "goodBands"),
      "unit": metadata.axis.unit.rawValue,
      "nodata": fact(metadata.nodata.map(finite), "nodata"),
      "scale": fact(metadata.scale.map(finite), "scale"),
      "offset": fact(metadata.offset.map(finite), "offset"),
      "bandNames": fact(metadata.bandNames, "bandNames"),
      "acquired": fact(metadata.acquired, "acquired"), "sensor": fact(metadata.sensor, "sensor"),
      "defaultRGB": fact(metadata.defaultRGB.map { $0.map { $0 + 1 } }, "defaultRGB"),
      "extra": metadata.extra.map { ["key": $0.key, "value": $0.value] },
    ]
    if let reference = metadata.georeference {
      var value: [String: Any] = ["crs": reference.crs ?? NSNull()]
      switch reference.mapping {
      case .affine(let t): value["geotransform"] = t.map(finite)
      case .groundControlPoints(let points):
        value["gcps"] = points.map {
          ["sample": $0.sample, "line": $0.line, "x": $0.x, "y": $0.y, "z": $0.z]
        }
      case .geolocation(let longitude, let latitude):
        value["geolocation"] = ["longitude": longitude, "latitude": latitude]
      }
      object["georeference"] = fact(value, "georeference")
    }
    if let classes = metadata.classes {
      object["classes"] = classes.map {
        ["name": $0.name, "colour": $0.colour.map { Int($0) }] as [String: Any]
      }
    }
    if let validPixels { object["validPixels"] = validPixels }
    if let s = statistics {
      object["statistics"] = [
        "minimum": s.minimum.map { finite(Double($0)) }, "maximum": s.maximum.map { finite(Double($0)) },
        "mean": s.mean.map(finite),
        "deviation": (0..<shape.bands).map { finite(max(0, s.covariance[$0, $0]).squareRoot()) },
      ]
    }
    if let noise { object["noise"] = noise.map(finite) }
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }
}
