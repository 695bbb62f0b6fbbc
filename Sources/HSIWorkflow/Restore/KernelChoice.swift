import HSICore
import HSIRestoration

/// The kernel that a deblurring undoes, and where it comes from.
struct KernelChoice {
  /// Parameters of a deconvolution that say which kernel of a family it is.
  static let names = ["kind", "size", "sigma", "angle"]

  let kernel: BlurKernel
  /// For provenance: the family, the file, or what was estimated.
  let name: String
  /// One line for the report; nil where the kernel was given as one of a family.
  let reason: String?
  /// What the report has in place of the parameters of a family.
  let settings: [String: Double]
  /// See `KernelEstimate`; nil where nothing was estimated.
  let margin: Double?

  /// A kernel from a file, from the parameters of the method where they say which, or else estimated.
  ///
  /// - Parameters:
  ///   - values: parameters that were given.
  ///   - family: the kernel that the method made of them.
  init(
    _ request: KernelRequest?, _ values: [String: Double], _ family: BlurKernel, scene: Cube, noise: NoiseLevels?,
    _ context: RunContext
  ) throws {
    if let path = request?.file {
      if let name = KernelChoice.names.first(where: { values[$0] != nil }) {
        throw CoreError.invalidParameter(
          name: "\(option: "parameter") \(name)", value: PlainNumber.exact(values[name] ?? 0),
          requirement: "left out: the kernel is that of \(path)")
      }
      kernel = try KernelRequest.read(path, context)
      (name, reason, margin) = (path, "the kernel is that of \(path)", nil)
      settings = ["size": Double(kernel.size)]
    } else if KernelChoice.names.contains(where: { values[$0] != nil }) {
      (kernel, name, reason, margin) = (family, "given", nil, nil)
      settings = values.filter { KernelChoice.names.contains($0.key) }.merging(["size": Double(family.size)]) { $1 }
    } else {
      let found = try KernelEstimate(scene, noise: noise, context)
      (kernel, margin, settings) = (found.kernel, found.margin, found.values)
      name = "estimated: \(found.name)"
      let sure = "next: \(found.next), less likely by a factor of e^\(Int(clamping: found.margin.rounded()))"
      reason = "kernel estimated: \(found.name) (\(sure))"
      context.logger.notice("\(reason ?? "")")
      if found.margin < KernelEstimate.leastMargin {
        context.warn("W-KERNEL-GUESS", "the kernel is not sure: \(found.name), or \(found.next)")
      }
    }
  }
}
