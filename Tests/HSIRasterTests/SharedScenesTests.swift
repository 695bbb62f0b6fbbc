import Foundation
import HSICore
import HSISpectral
import HSITestSupport
import Testing

@testable import HSIRaster

/// Stored values of published files at single places, as scipy 1.17 and h5py 3.16 read them.
@Suite("Published files open with the right values", .enabled(if: SharedData.root != nil, "no shared data"))
struct SharedScenesTests {
  struct Scene: Sendable, CustomStringConvertible {
    let file: String
    let variable: String?
    let shape: CubeShape
    let spots: [(Int, Int, Int, Double)]

    init(
      _ file: String, variable: String? = nil, _ lines: Int, _ samples: Int, _ bands: Int,
      _ spots: [(Int, Int, Int, Double)]
    ) {
      self.file = file
      self.variable = variable
      shape = CubeShape(lines: lines, samples: samples, bands: bands)
      self.spots = spots
    }

    var description: String { file }
  }

  static let scenes: [Scene] = [
    Scene(
      "aviris-90/a_hsi_img_for_VI_demo.mat", 90, 90, 224,
      [
        (89, 89, 223, 0.0), (42, 46, 169, 0.0),
        (85, 3, 32, 501.0), (74, 85, 55, 1949.0),
      ]),
    Scene(
      "aviris-anomaly/abu-airport-2.mat", 100, 100, 205,
      [
        (99, 99, 204, 34.0), (31, 86, 86, 362.0),
        (27, 82, 52, 1287.0), (40, 64, 112, 294.0),
      ]),
    Scene(
      "label-maps/KSC_gt.mat", 512, 614, 1,
      [
        (511, 613, 0, 0.0), (43, 16, 0, 0.0),
        (443, 462, 0, 0.0), (428, 330, 0, 0.0),
      ]),
    Scene(
      "cave/chart_and_stuffed_toy_ms_256.mat", 256, 256, 31,
      [
        (255, 255, 30, 1466.0), (209, 84, 14, 699.0),
        (201, 31, 9, 335.0), (31, 116, 30, 19590.0),
      ]),
    Scene(
      "cave/testMSI_1.mat", 150, 150, 31,
      [
        (149, 149, 30, 0.476165771484375), (20, 57, 12, 0.203643798828125),
        (135, 30, 15, 0.02032470703125), (39, 2, 23, 0.0321502685546875),
      ]),
    Scene(
      "dc1-dc2/DC1_Y_clean.mat", 75, 75, 224,
      [
        (74, 74, 223, 0.4007747957080603), (4, 21, 111, 0.8043496487438679),
        (36, 8, 219, 0.5515490670998892), (56, 72, 20, 0.8317593355834485),
      ]),
    Scene(
      "dc1-dc2/DC2_abundances9.mat", 100, 100, 9,
      [
        (99, 99, 8, 0.8328651562631019), (72, 29, 4, 0.003401745832436037),
        (92, 27, 6, 0.022129943488203484), (16, 32, 8, 0.004907461629788051),
      ]),
    Scene(
      "hydice-urban/HYDICE_162.mat", 80, 100, 162,
      [
        (79, 99, 161, 382.0), (33, 51, 47, 63.0),
        (9, 42, 101, 146.0), (36, 77, 58, 134.0),
      ]),
    Scene(
      "hydice-urban/HYDICE_175.mat", 80, 100, 175,
      [
        (79, 99, 174, 390.0), (49, 77, 160, 6.0),
        (34, 3, 125, 254.0), (42, 87, 80, 389.0),
      ]),
    Scene(
      "muufl-crops/an_hsi_image_sub_for_demo.mat", 51, 88, 72,
      [
        (50, 87, 71, -0.06995616108179092), (18, 5, 32, 0.10631026327610016),
        (32, 67, 61, 0.692399799823761), (10, 52, 57, 0.2717145085334778),
      ]),
    Scene(
      "muufl-crops/an_hsi_img_for_class_demo.mat", 31, 20, 72,
      [
        (30, 19, 71, 0.2545299530029297), (8, 6, 60, 0.6928577423095703),
        (18, 10, 48, 0.6747614145278931), (15, 19, 54, 0.3893730044364929),
      ]),
    Scene(
      "muufl-crops/an_hsi_img_for_tgt_det_demo.mat", 36, 36, 72,
      [
        (35, 35, 71, 0.03225388750433922), (1, 5, 39, 0.334545373916626),
        (29, 2, 49, 0.09130258858203888), (27, 28, 62, 0.14146541059017181),
      ]),
    Scene(
      "paris-hyperion/paris_data_hs_pan.mat", 72, 58, 128,
      [
        (71, 57, 127, 0.02629193109700816), (13, 32, 102, 0.12330009066183137),
        (25, 11, 61, 0.21826835902085223), (5, 12, 109, 0.0686763372620127),
      ]),
    Scene(
      "pavia-university-crop/paviaU_subimg.mat", 50, 50, 103,
      [
        (49, 49, 102, 837.0), (33, 43, 86, 2907.0),
        (43, 15, 48, 247.0), (30, 13, 94, 2762.0),
      ]),
    Scene(
      "salinas-a/SalinasA.mat", 83, 86, 224,
      [
        (82, 85, 223, 18.0), (0, 72, 144, 617.0),
        (21, 61, 92, 1543.0), (69, 85, 63, 1701.0),
      ]),
    Scene(
      "salinas-a/SalinasA_corrected.mat", 83, 86, 204,
      [
        (82, 85, 203, 41.0), (39, 18, 141, 606.0),
        (53, 72, 164, 406.0), (81, 82, 182, 448.0),
      ]),
    Scene(
      "simu-indian/simu_indian.mat", 145, 145, 224,
      [
        (144, 144, 223, 0.13422159850597382), (21, 6, 108, 0.15921133756637573),
        (50, 129, 178, 0.07883762568235397), (61, 83, 132, 0.5906093716621399),
      ]),
    Scene(
      "paris-hyperion/paris_data_hs_ms.mat", variable: "MSim", 72, 72, 9,
      [
        (71, 71, 8, 0.43336996763271485), (64, 1, 4, 0.45188907466423683),
        (48, 32, 8, 0.4764669018974296), (68, 59, 4, 0.4714370209752878),
      ]),
    Scene(
      "label-maps/PaviaU_gt.mat", 610, 340, 1,
      [
        (609, 339, 0, 0.0), (540, 24, 0, 0.0),
        (402, 91, 0, 0.0), (149, 231, 0, 0.0),
      ]),
    Scene(
      "samson/samson_1.mat", 95, 95, 156,
      [
        (94, 94, 155, 0.536376604850214), (73, 84, 33, 0.13338088445078458),
        (82, 78, 49, 0.07489300998573467), (5, 73, 128, 0.5912981455064193),
      ]),
    Scene(
      "moffett/moffett.mat", 50, 50, 184,
      [
        (49, 49, 183, 0.35342261904761907), (23, 8, 26, 0.26264880952380953),
        (18, 37, 58, 0.029203869047619048), (1, 34, 136, 0.0014880952380952389),
      ]),
    Scene(
      "urban-reference/Urban_GT6.mat", variable: "XT", 307, 307, 6,
      [
        (306, 306, 5, 0.03882031718652968), (54, 172, 2, 0.0),
        (153, 1, 3, 0.25194595217292026), (80, 170, 2, 0.18808437917036847),
      ]),
    Scene(
      "formats/hdf5/NEON_SJER_crop.h5", 30, 30, 426,
      [
        (29, 29, 425, 384.0), (18, 3, 155, 3109.0),
        (18, 23, 162, 2678.0), (0, 21, 215, 390.0),
      ]),
  ]

  @Test(arguments: scenes)
  func values(_ scene: Scene) throws {
    guard let path = SharedData.path(scene.file) else { return }
    let reader = try openCube(path) { $0.variable = scene.variable }
    #expect(reader.shape == scene.shape)
    for (line, sample, band, value) in scene.spots {
      #expect(try reader.number(line, sample, band) == value, "at \(line), \(sample), \(band)")
    }
    // A window with bands out of order gives the same numbers as single reads.
    let window = PixelWindow(
      line: scene.shape.lines / 2, sample: scene.shape.samples / 3, lines: 3, samples: 2)
    let bands = scene.shape.bands > 2 ? [scene.shape.bands - 1, 0, 1] : [0]
    let single = try (0..<3).flatMap { i in
      try (0..<2).flatMap { j in
        try bands.map { try reader.number(window.line + i, window.sample + j, $0) }
      }
    }
    #expect(try reader.numbers(window, bands: bands) == single)
  }

  @Test func wavelengthsOfMATLABFiles() throws {
    for (file, count, first, last) in [
      ("aviris-90/a_hsi_img_for_VI_demo.mat", 224, 365.929810, 2496.236084),
      ("muufl-crops/an_hsi_image_sub_for_demo.mat", 72, 367.7, 1043.4),
      ("muufl-crops/an_hsi_img_for_class_demo.mat", 72, 367.7, 1043.4),
    ] {
      guard let path = SharedData.path(file) else { continue }
      let axis = try openCube(path).metadata.axis
      let wavelengths = try #require(axis.wavelengths)
      #expect(wavelengths.count == count)
      #expect(abs(wavelengths[0] - first) < 0.1)
      #expect(abs(wavelengths[count - 1] - last) < 0.1)
    }
  }

  @Test func structArrayElement() throws {
    guard let path = SharedData.path("muufl-crops/an_hsi_img_for_class_demo.mat") else { return }
    // train_data(2).Spectra is 72 × 10.
    let file = try MATLABFile(path)
    let spectra = try file.variable("train_data(2).Spectra")
    #expect(spectra.dimensions == [72, 10])
    let name = try file.variable("train_data(2).name")
    #expect(try file.texts(name) == ["Green Calibration Panel"])
  }

  @Test func ambiguousVariables() throws {
    guard let path = SharedData.path("paris-hyperion/paris_data_hs_ms.mat") else { return }
    let error = #expect(throws: RasterError.self) { try openCube(path) }
    #expect(error?.description.contains("HSim 72×72×128") ?? false)
    #expect(error?.description.contains("variable") ?? false)
  }

  @Test func neonMetadata() throws {
    guard let path = SharedData.path("formats/hdf5/NEON_SJER_crop.h5") else { return }
    for name in [path, path + "//SJER/Reflectance/Reflectance_Data"] {
      let reader = try openCube(name)
      #expect(reader.format == "HDF5 (NEON)")
      let metadata = reader.metadata
      #expect(metadata.scale[3] == 1e-4)
      #expect(metadata.nodata[425] == -9999)
      #expect(metadata.quantity == .reflectance)
      let wavelengths = try #require(metadata.axis.wavelengths)
      #expect(abs(wavelengths[0] - 383.5) < 0.1 && abs(wavelengths[425] - 2511.9) < 0.1)
      #expect(metadata.georeference?.mapping == .affine([257_000, 1, 0, 4_112_000, 0, -1]))
      #expect(metadata.georeference?.crs?.contains("32611") ?? false)
    }
  }

  @Test func libraries() throws {
    if let path = SharedData.path("usgs-library/USGS_1995_Library.mat") {
      let library = try SpectralLibraryFile.read(path, context: RunContext())
      #expect(library.count == 498 && library.bands == 224)
      #expect(library.names[0] == "Acmite NMNH133746" && library.names[497] == "Walnut_Leaf SUN (Green)")
      let wavelengths = try #require(library.axis.wavelengths)
      #expect(abs(wavelengths[0] - 383.14998) < 1e-5)
      #expect(abs(try #require(library.axis.fwhm)[1] - 9.91) < 1e-6)
      #expect(abs(library.values[1] - 0.0418858) < 1e-7)
      #expect(abs(library.values[497 * 224 + 100] - 0.49950814) < 1e-8)
    }
    if let path = SharedData.path("dc1-dc2/library_EE.mat") {
      let library = try SpectralLibraryFile.read(path, context: RunContext())
      #expect(library.count == 240 && library.bands == 224)
      #expect(library.values[7 * 224 + 5] == 0.19300788640975952)
      // Its makers kept spectra at least 4.44 degrees apart.
      let some = library.selecting(Array(0..<60))
      #expect(SpectralResampling.prune(some, minimumAngle: 4.43).count == 60)
    }
    if let path = SharedData.path("samson/spectral_library_samson.mat") {
      let library = try SpectralLibraryFile.read(path, context: RunContext())
      #expect(library.count == 105)
      #expect(
        library.names[0] == "Soil 1" && library.names[30] == "Tree 1" && library.names[104] == "Water 45")
      #expect(library.values[40 * 156 + 3] == 0.004992867332382311)
    }
    if let path = SharedData.path("samson/end3.mat") {
      let library = try SpectralLibraryFile.read(path, context: RunContext())
      #expect(library.names == ["1-rock", "2-Tree", "3-water"])
      #expect(abs(library.values[156 + 4] - 0.0194332) < 1e-8)
    }
    if let path = SharedData.path("formats/spectral-library/library_berlin.sli") {
      for name in [path, String(path.dropLast(4)) + ".hdr"] {
        let library = try SpectralLibraryFile.read(name, context: RunContext())
        #expect(library.count == 75 && library.bands == 177)
        #expect(library.names[0] == "red clay tile 1")
        #expect(abs(library.values[0] - 589.95611966) < 1e-8)
        #expect(abs(library.values[74 * 177 + 176] - 108.24301280081272) < 1e-10)
        #expect(abs(try #require(library.axis.wavelengths)[0] - 460) < 1e-9)
        #expect(library.axis.unit == .micrometres)
      }
    }
    if let path = SharedData.path("band-centres/enmap_224.csv") {
      // Not a library, but its axis can be read as one: centres, widths and flags are no spectra.
      #expect(throws: Never.self) { try SpectralLibraryFile.read(path, context: RunContext()) }
    }
  }
}
