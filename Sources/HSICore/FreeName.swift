import Glibc

/// Giving a file a name that must be free, in one step that two processes cannot both win.
enum FreeName {
  private typealias Rename =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

  /// `renameat2`, which the module of the C library does not show; nil before glibc 2.28.
  private static let rename2 = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: Rename.self) }
  private static let withoutReplacing: UInt32 = 1

  /// Renames `old` to `new`.
  ///
  /// By `renameat2(RENAME_NOREPLACE)`; where the file system has no such rename, by a second name and the removal of the first; where it
  /// has no second names, by an empty file that takes the name first.
  ///
  /// - Returns: 0, `EEXIST` where the name is taken, or another code of the system.
  static func take(_ new: String, for old: String) -> Int32 {
    if let rename2 {
      if rename2(AT_FDCWD, old, AT_FDCWD, new, withoutReplacing) == 0 { return 0 }
      let code = errno
      guard [EINVAL, ENOSYS, EOPNOTSUPP].contains(code) else { return code }
    }
    let code = second(new, for: old)
    return [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code) ? placeholder(new, for: old) : code
  }

  /// By a second name.
  static func second(_ new: String, for old: String) -> Int32 {
    let code = link(old, new) == 0 ? 0 : errno
    // A file server may have done it and, asked again, say that the name is taken.
    guard code == 0 || code == EEXIST && isSame(old, new) else { return code }
    unlink(old)
    return 0
  }

  /// By an empty file that takes the name and is replaced.
  static func placeholder(_ new: String, for old: String) -> Int32 {
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { return errno }
    close(descriptor)
    guard rename(old, new) != 0 else { return 0 }
    let code = errno
    unlink(new)
    return code
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return lstat(a, &first) == 0 && lstat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}
