import Foundation
import HSIKit
import Testing

/// `hsi convert --ot`: the same numbers in another type.
@Suite struct RetypeTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
  }

  /// One line of six pixels, one band.
  private func write(_ values: [Float], _ place: TemporaryFolder, nodata: String?) throws {
    let header = """
      ENVI
      samples = \(values.count)
      lines = 1
      bands = 1
      data type = 4
      interleave = bsq
      byte order = 0
      \(nodata.map { "data ignore value = \($0)\n" } ?? "")
      """
    try Data(header.utf8).write(to: place.url.appendingPathComponent("f.hdr"))
    try values.withUnsafeBytes { try Data($0).write(to: place.url.appendingPathComponent("f.dat")) }
  }

  private func read<T>(_ name: String, _ place: TemporaryFolder, as: T.Type) throws -> [T] {
    let data = try Data(contentsOf: place.url.appendingPathComponent(name))
    return data.withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
  }

  private func nodata(_ name: String, _ place: TemporaryFolder) throws -> [Double] {
    try RasterFormats.open(place.path(name), context: RunContext()).metadata.nodata.compactMap { $0 }
  }

  @Test func floatsToIntegers() throws {
    let place = try TemporaryFolder()
    try write([0.5, 1.5, -2.6, 40_000, -50_000, .nan, -9999, .infinity], place, nodata: "-9999")
    let result = try run("convert f.dat i.dat --ot int16", place)
    #expect(result.status == 0 && result.errors.contains("W-CLIPPED: 3 numbers"), "\(result.errors)")
    #expect(try read("i.dat", place, as: Int16.self) == [0, 2, -3, 32_767, -32_768, -9999, -9999, 32_767])
    #expect(try nodata("i.dat", place) == [-9999])
    // uint8 cannot hold -9999: its largest number means no data, and a value that would take it gives way.
    try write([255, 254.4, 3, -9999, -1, 7], place, nodata: "-9999")
    let bytes = try run("convert f.dat u.dat -ot Byte", place)
    #expect(bytes.status == 0 && bytes.errors.contains("W-NODATA-VALUE: 1 numbers"), "\(bytes.errors)")
    #expect(try read("u.dat", place, as: UInt8.self) == [254, 254, 3, 255, 0, 7])
    #expect(try nodata("u.dat", place) == [255])
    // NaN needs a no-data value even where the file has none.
    try write([1, .nan, 2], place, nodata: nil)
    #expect(try run("convert f.dat n.dat --ot int32", place).status == 0)
    #expect(try read("n.dat", place, as: Int32.self) == [1, -9999, 2] && nodata("n.dat", place) == [-9999])
    #expect(try run("convert f.dat o.dat --ot uint16 --out-nodata 0", place).status == 0)
    #expect(try read("o.dat", place, as: UInt16.self) == [1, 0, 2] && nodata("o.dat", place) == [0])
  }

  /// Every type to double and back gives the same bytes, in every interleave; wavelengths stay.
  @Test(arguments: ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"])
  func thereAndBack(type: String) throws {
    let place = try SampleScene.workplace()
    #expect(try run("convert in/s.dat o/a.tif --ot \(type) --window 0,0,9,7", place).status == 0)
    #expect(try run("convert o/a.tif o/b.bil --ot float64", place).status == 0)
    #expect(try run("convert o/b.bil o/c.bsq --ot \(type)", place).status == 0)
    #expect(try run("convert o/a.tif o/d.bsq", place).status == 0)
    let (c, d) = (place.url.appendingPathComponent("o/c.bsq"), place.url.appendingPathComponent("o/d.bsq"))
    #expect(try Data(contentsOf: c) == Data(contentsOf: d))
    let info = try run("info o/c.bsq", place).output
    #expect(info.contains("\(type), BSQ") && info.contains(" nm [hdr]"), "\(info)")
  }

  @Test func unknownType() throws {
    let place = try SampleScene.workplace()
    let result = try run("convert in/s.dat o/a.tif --ot complex64", place)
    #expect(result.status == 2 && result.errors.contains("uint8, int8"), "\(result.errors)")
  }
}
