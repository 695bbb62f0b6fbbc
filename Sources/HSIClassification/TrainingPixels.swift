import HSICore

/// What a task offers to classifiers.
extension ClassificationTask {
  /// Rows of `scene.pixels` of labelled pixels, with their labels; pixels that are missing in the scene are left out.
  public func rows(of pixels: LabelledPixels) -> (rows: [Int], labels: [Int]) {
    var (rows, labels): ([Int], [Int]) = ([], [])
    rows.reserveCapacity(pixels.count)
    labels.reserveCapacity(pixels.count)
    var row = 0
    for (place, label) in zip(pixels.positions, pixels.labels) {
      while row < scene.count, scene.positions[row] < place { row += 1 }
      guard row < scene.count, scene.positions[row] == place else { continue }
      rows.append(row)
      labels.append(label)
    }
    return (rows, labels)
  }

  /// Spectra (pixels × bands) and labels of labelled pixels that the scene has.
  public func spectra(of pixels: LabelledPixels) -> (pixels: PixelMatrix, labels: [Int]) {
    let (rows, labels) = rows(of: pixels)
    let bands = scene.shape.bands
    let result = PixelMatrix(rows: rows.count, columns: bands)
    for (n, row) in rows.enumerated() {
      (result.pointer + n * bands).update(from: scene.pixels.pointer + row * bands, count: bands)
    }
    return (result, labels)
  }

  /// Features fitted on the training pixels, or on all pixels of the scene where the task is transductive.
  public func features(_ recipe: Features.Recipe) throws -> Features {
    try Features.fit(recipe, isTransductive ? scene.pixels : spectra(of: training).pixels)
  }

  /// Training pixels of each class that the scene has.
  public var trainingCounts: [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    for label in rows(of: training).labels { counts[label] += 1 }
    return counts
  }

  /// Refuses a task that cannot be learned: fewer than two classes, or a class with fewer than `minimum` training pixels.
  ///
  /// - Throws: `ClassificationError.tooFewClasses`, `.tooFewPixels`.
  public func check(minimum: Int = 1, purpose: String = "training") throws {
    guard classes.count >= 2 else { throw ClassificationError.tooFewClasses(count: classes.count) }
    for (entry, count) in zip(classes, trainingCounts) where count < minimum {
      throw ClassificationError.tooFewPixels(name: entry.name, count: count, needed: minimum, purpose: purpose)
    }
  }
}
