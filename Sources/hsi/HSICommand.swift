import ArgumentParser
import HSIKit

/// The command `hsi`.
@main
struct HSICommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hsi", abstract: "Unmix, restore and classify hyperspectral scenes.")
}
