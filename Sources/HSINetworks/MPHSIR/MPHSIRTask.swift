/// What an MP-HSIR network can be asked to undo; see `MPHSIRConfiguration.id(of:)` for the numbers that networks know them by.
public enum MPHSIRTask: String, CaseIterable, Codable, Sendable {
  /// Gaussian noise, the same in all bands.
  case noise
  /// Noise that differs from band to band, stripes, dead lines, impulses.
  case complex
  /// A blur.
  case blur
  /// A grid that is too coarse.
  case superres
  /// Single missing values.
  case inpaint
  /// Haze.
  case haze
  /// Missing bands.
  case bands
  /// Noise of counted photons.
  case poisson
  /// A blur along a line.
  case motion

  /// The published order for natural scenes.
  static let natural: [MPHSIRTask] = [.noise, .complex, .blur, .superres, .inpaint, .bands]
  /// The published order for remote sensing.
  static let remote: [MPHSIRTask] = [.noise, .complex, .blur, .superres, .inpaint, .haze, .bands]
}

/// How gaps and coarse grids come to an MP-HSIR network.
public enum MPHSIRInput: String, Codable, Sendable {
  /// As published: zeros where values are missing, pixels of a coarse grid repeated.
  case published
  /// Missing values interpolated along the wavelength, coarse grids by cubic convolution: the network begins where these end.
  case interpolated
}

extension MPHSIRConfiguration {
  /// The tasks that the network was trained on, in the order of their ids; the published lists unless the file has its own. Empty
  /// where nothing is known.
  public var knownTasks: [MPHSIRTask] {
    if let trained { return trained }
    switch tasks {
    case MPHSIRTask.natural.count: return MPHSIRTask.natural
    case MPHSIRTask.remote.count: return MPHSIRTask.remote
    default: return []
    }
  }

  /// The id of a task; nil where the network was not trained for it. Photon noise is Gaussian noise to networks that do not know it,
  /// as the paper has it.
  public func id(of task: MPHSIRTask) -> Int? {
    knownTasks.firstIndex(of: task) ?? (task == .poisson ? knownTasks.firstIndex(of: .noise) : nil)
  }
}
