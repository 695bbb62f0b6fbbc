import HSITransformer

/// What the masked autoencoder of LESS ViT has to find: the patches of an image.
public enum LESSTargets {
  /// The patches of images `[B, C, H, W]`: `[B, C, N, p²]`, positions and the pixels of a patch row-major.
  public static func patches(_ image: Variable, side: Int, _ tape: Tape) -> Variable {
    let shape = image.shape
    let cut = tape.pixelUnshuffle(tape.reshape(image, [shape[0] * shape[1], shape[2], shape[3], 1]), by: side)
    return tape.reshape(cut, [shape[0], shape[1], shape[2] * shape[3] / (side * side), side * side])
  }

  /// Every patch as `(t − mean) / √(var + 10⁻⁶)`, the variance divided by p² − 1.
  public static func normalised(_ patches: Variable, _ tape: Tape) -> Variable {
    let count = patches.shape[patches.shape.count - 1]
    precondition(count > 1, "patches of one value have no variance")
    // Layer normalisation divides by the number of values, hence the factors.
    let share = Float(count - 1) / Float(count)
    let norm = LayerNorm(ParameterStore().root, channels: count, epsilon: 1e-6 * share)
    norm.weight.update { $0.update(repeating: share.squareRoot()) }
    (norm.weight.isTrainable, norm.bias.isTrainable) = (false, false)
    return norm(patches, tape)
  }

  /// The images `[B, C, rows · p, columns · p]` of patches `[B, C, rows · columns, p²]`.
  public static func image(_ patches: Tensor, rows: Int, columns: Int, side: Int) -> Tensor {
    let (batch, bands) = (patches.shape[0], patches.shape[1])
    let tape = Tape(.inference)
    let planes = Variable(patches.reshaped([batch * bands, rows, columns, side * side]))
    return tape.pixelShuffle(planes, by: side).value.reshaped([batch, bands, rows * side, columns * side])
  }
}
