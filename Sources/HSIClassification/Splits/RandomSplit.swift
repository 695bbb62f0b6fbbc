import HSICore

/// Pixels of every class drawn at random.
///
/// Neighbouring pixels of a field are nearly copies of each other and share most of a patch, so accuracy on the rest of the
/// pixels says little about another scene. Kept because published figures are made this way.
enum RandomSplit {
  /// So many training and validation pixels of each class, the rest for testing.
  static func make(_ labels: LabelMap, training: [Int], validation: [Int], facts: SplitFacts) -> Split {
    var places = [[Int]](repeating: [], count: labels.classes.count)
    for (place, index) in labels.indices.enumerated() where index >= 0 { places[Int(index)].append(place) }
    var roles = [PixelRole](repeating: .none, count: labels.ids.count)
    for (index, pixels) in places.enumerated() {
      var random = CounterRandom(seed: facts.seed, stream: UInt64(index))
      let order = pixels.shuffled(using: &random)
      for (n, place) in order.enumerated() {
        roles[place] =
          n < training[index] ? .training : n < training[index] + validation[index] ? .validation : .test
      }
    }
    return Split(lines: labels.lines, samples: labels.samples, roles: roles, facts: facts)
  }
}
