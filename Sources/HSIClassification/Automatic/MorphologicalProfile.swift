import CKernels
import HSICore
import HSINumerics

/// Structures of a scene by size: openings and closings by reconstruction of its leading components, beside the components.
///
/// With discs of radius 1 to 4, each of the first four components gives four openings and four closings (the opening of the negative,
/// negated). Reconstruction follows a structure for `steps` pixels only, so that a value depends on a bounded neighbourhood and
/// strips of any height give the same values. Source: J. A. Benediktsson, J. A. Palmason and J. R. Sveinsson, Classification of
/// hyperspectral data from urban areas based on extended morphological profiles, IEEE TGRS 43(3), 2005.
struct MorphologicalProfile: Sendable, Codable, Equatable {
  /// Components that have a profile.
  var components = 4
  /// Radii of the discs in pixels.
  var radii = [1, 2, 3, 4]
  /// Pixels that the reconstruction reaches.
  var steps = 6

  /// Pixels on either side that decide about a value.
  var reach: Int { (radii.max() ?? 0) + steps }

  /// Values per pixel that come beside the `columns` there are.
  func added(to columns: Int) -> Int { 2 * min(components, columns) * radii.count }

  /// Bytes per pixel while it is applied.
  func bytesPerPixel(columns: Int, threads: Int) -> Int { 4 * (columns + added(to: columns) + 4 * threads) }

  /// Values of valid pixels with their profiles: the given columns first, then openings and closings component by component.
  ///
  /// - Parameters:
  ///   - values: valid pixels × components.
  ///   - positions: places of the pixels, `line · samples + sample`, ascending.
  func apply(_ values: PixelMatrix, _ positions: [Int32], lines: Int, samples: Int) -> PixelMatrix {
    let columns = values.columns
    let result = PixelMatrix(rows: values.rows, columns: columns + added(to: columns))
    let (source, target, width) = (values.pointer, result.pointer, result.columns)
    for row in 0..<values.rows { (target + row * width).update(from: source + row * columns, count: columns) }
    let size = lines * samples
    Parallel.forEach(added(to: columns)) { item in
      let component = item / (2 * radii.count)
      let sign: Float = item / radii.count % 2 == 0 ? 1 : -1
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * size) { memory in
        guard let plane = memory.baseAddress else { return }
        plane.update(repeating: HSI_PLANE_MISSING, count: size)
        for (row, place) in positions.enumerated() { plane[Int(place)] = sign * source[row * columns + component] }
        let opened = plane + size
        hsi_opening_by_reconstruction(plane, lines, samples, radii[item % radii.count], steps, opened, plane + 2 * size)
        for (row, place) in positions.enumerated() { target[row * width + columns + item] = sign * opened[Int(place)] }
      }
    }
    return result
  }
}
