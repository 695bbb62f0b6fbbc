import Foundation

/// A command of the table of memory: what it does with `scene.dat` and the files beside it. Outputs begin with `out`.
struct MemoryCase {
  let name: String
  let words: [String]
  /// It computes for long and gets a shorter scene.
  var isLong = false
  /// It makes sense of a scene that is nearly all zeros.
  var suitsHoles = false
  /// Files of `preparations` that it reads.
  var needs: [String] = []

  static let all: [MemoryCase] = [
    MemoryCase(name: "info --stats", words: ["info", "scene.dat", "--stats"], suitsHoles: true),
    MemoryCase(name: "info --noise", words: ["info", "scene.dat", "--stats", "--noise"]),
    MemoryCase(name: "quicklook", words: ["quicklook", "scene.dat", "out.png"], suitsHoles: true),
    MemoryCase(name: "mosaic", words: ["mosaic", "out.vrt", "scene.dat"], suitsHoles: true),
    convert("GeoTIFF", "out.tif", holes: true),
    convert("GeoTIFF, bands apart", "out.tif", ["--co", "INTERLEAVE=BAND"]),
    convert("GeoTIFF, --compat", "out.tif", ["--compat"]),
    convert("COG", "out.tif", ["--of", "COG"]),
    convert("ENVI bsq", "out.dat", ["--co", "INTERLEAVE=BSQ"], holes: true),
    convert("ENVI bil", "out.dat", ["--co", "INTERLEAVE=BIL"]),
    convert("ENVI bip", "out.dat", ["--co", "INTERLEAVE=BIP"]),
    convert("ENVI float32", "out.dat", ["--ot", "float32"]),
    convert("NumPy", "out.npy"),
    convert("MATLAB", "out.mat"),
    MemoryCase(
      name: "simulate noise", words: ["simulate", "noise", "scene.dat", "out.dat", "--range", "0,1"], suitsHoles: true),
    MemoryCase(name: "endmembers vca", words: ["endmembers", "scene.dat", "out.csv", "--count", "4"]),
    MemoryCase(
      name: "unmix fcls", words: ["unmix", "scene.dat", "out.tif", "--endmembers", "library.csv", "--all"],
      suitsHoles: true),
    MemoryCase(
      name: "unmix sunsal", words: ["unmix", "scene.dat", "out.dat", "--library", "library.csv", "--method", "sunsal"],
      isLong: true),
    MemoryCase(name: "unmix rrlbs", words: ["unmix", "scene.dat", "out.tif", "--count", "4", "--all"], isLong: true),
    denoise("fasthyde", "out.dat"), denoise("fasthyde", "out.tif"), denoise("mnf", "out.dat"),
    denoise("hyres", "out.dat"),
    restore("deblur", ["--kernel", "gaussian:5"]), restore("superres", ["--scale", "2"]), restore("dehaze", []),
    restore("inpaint", ["--missing", "zero"]),
    MemoryCase(
      name: "classify predict svm",
      words: [
        "classify", "predict", "scene.dat", "out.tif", "--model", "svm.safetensors", "--prob", "out_prob.tif",
        "--confidence", "out_confidence.tif",
      ], isLong: true, needs: ["svm.safetensors"]),
    MemoryCase(
      name: "classify predict cnn-3d",
      words: ["classify", "predict", "scene.dat", "out.tif", "--model", "cnn.safetensors"], isLong: true,
      needs: ["cnn.safetensors"]),
    MemoryCase(
      name: "embed",
      words: [
        "embed", "scene.dat", "out.tif", "--model", "base.safetensors", "--components", "4", "--most-bands", "12",
      ],
      isLong: true, needs: ["base.safetensors"]),
  ]

  /// Files that commands read, in the order in which they are made.
  static let preparations: [(name: String, words: [String])] = [
    (
      "svm.safetensors",
      [
        "classify", "train", "scene.dat", "labels.dat", "--model", "svm", "--train", "40", "--guard", "0",
        "--out", "svm.safetensors", "--memory", "4G",
      ]
    ),
    (
      "cnn.safetensors",
      [
        "classify", "train", "scene.dat", "labels.dat", "--model", "cnn-3d", "--train", "40", "--guard", "0",
        "--set", "epochs=1", "--out", "cnn.safetensors", "--memory", "4G",
      ]
    ),
    (
      "base.safetensors",
      [
        "pretrain", "scene.dat", "--out", "base.safetensors", "--epochs", "1", "--windows-per-epoch", "8", "--batch",
        "4", "--side", "8", "--most-bands", "12", "--memory", "4G",
      ]
    ),
  ]

  private static func convert(
    _ name: String, _ output: String, _ more: [String] = [], holes: Bool = false
  ) -> MemoryCase {
    MemoryCase(name: "convert to \(name)", words: ["convert", "scene.dat", output] + more, suitsHoles: holes)
  }

  private static func denoise(_ method: String, _ output: String) -> MemoryCase {
    let kind = output.hasSuffix("tif") ? ", GeoTIFF" : ""
    return MemoryCase(
      name: "denoise \(method)\(kind)", words: ["denoise", "scene.dat", output, "--method", method], isLong: true)
  }

  private static func restore(_ task: String, _ more: [String]) -> MemoryCase {
    MemoryCase(
      name: "restore \(task)", words: ["restore", "scene.dat", "out.dat", "--task", task] + more, isLong: true)
  }
}
