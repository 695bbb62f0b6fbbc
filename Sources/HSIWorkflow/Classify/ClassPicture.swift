import HSIClassification
import HSICore
import HSIReport

/// Pictures of classes.
enum ClassPicture {
  /// Every `step`-th pixel in the colour of its class; pixels without one are transparent.
  static func image(_ labels: LabelMap, longestSide: Int) -> (image: RGBImage, step: Int) {
    let indices = labels.indices
    let colours = labels.classes.entries.map(\.colour)
    return thinned(labels.lines, labels.samples, longestSide) { place in
      indices[place] < 0 ? nil : colours[Int(indices[place])]
    }
  }

  /// Right, wrong, learned from, guard band.
  static func judgement(
    _ map: LabelMap, truth: LabelMap, split: Split?, longestSide: Int
  ) -> (image: RGBImage, step: Int) {
    func bytes(_ colour: Colour) -> [UInt8] { [colour.red, colour.green, colour.blue] }
    let (right, wrong) = (bytes(JudgementColours.right), bytes(JudgementColours.wrong))
    let (training, band) = (bytes(JudgementColours.training), bytes(JudgementColours.guardBand))
    return thinned(truth.lines, truth.samples, longestSide) { place in
      guard truth.ids[place] != 0 else { return nil }
      switch split?.roles[place] {
      case .training, .validation: return training
      case .guardBand: return band
      case PixelRole.none?: return nil
      case .test, nil: return map.ids[place] == truth.ids[place] ? right : wrong
      }
    }
  }

  /// A layer of a reduced map in the colours of its values; places without a value are transparent.
  static func image(_ preview: PreviewMaps, layer: Int = 0, _ colour: (Int) -> Colour) -> RGBImage {
    let values = preview.layers[layer]
    return thinned(preview.height, preview.width, max(preview.width, preview.height)) { place in
      guard values[place].isFinite else { return nil }
      let shown = colour(Int(clamping: Double(values[place])))
      return [shown.red, shown.green, shown.blue]
    }.image
  }

  private static func thinned(
    _ lines: Int, _ samples: Int, _ longestSide: Int, _ colour: (Int) -> [UInt8]?
  ) -> (image: RGBImage, step: Int) {
    let step = max(1, (max(lines, samples) + longestSide - 1) / longestSide)
    var image = RGBImage(width: (samples + step - 1) / step, height: (lines + step - 1) / step)
    for y in 0..<image.height {
      for x in 0..<image.width {
        guard let colour = colour(y * step * samples + x * step), colour.count == 3 else { continue }
        let p = 4 * (y * image.width + x)
        for c in 0..<3 { image.pixels[p + c] = colour[c] }
        image.pixels[p + 3] = 255
      }
    }
    return (image, step)
  }
}
