import HSICore
import HSINetworks
import HSIRaster

extension BandSet {
  /// Instruments whose bands scenes are shown with in pre-training. Those of PRISMA, EMIT and DESIS are evenly spaced stand-ins
  /// of nominal sampling and width, good enough to learn from; files of these instruments bring their own.
  public static let instruments: [BandSet] =
    ["aviris", "enmap", "casi", "hyperion"].compactMap { name in
      SensorTable.all.first(where: { $0.name == name }).map { BandSet(name, $0.axis) }
    } + [
      BandSet("prisma", from: 402, to: 2497, count: 230, width: 12),
      BandSet("emit", from: 381, to: 2493, count: 285, width: 8.5),
      BandSet("desis", from: 402, to: 1000, count: 235, width: 3.5),
    ]
}
