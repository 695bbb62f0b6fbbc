/// The version of the toolkit, as files and reports name it.
public enum ToolkitVersion {
  /// `MAJOR.MINOR.PATCH`.
  public static let number = "0.2.0"
}
