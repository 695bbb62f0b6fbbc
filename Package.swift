// swift-tools-version: 6.0
import PackageDescription

// The rooms of the house, in the order in which they may use each other: see docs/architecture.md.
let package = Package(
  name: "hsi",
  products: [
    .library(name: "HSIKit", targets: ["HSIKit"]),
    .library(name: "HSICore", targets: ["HSICore"]),
    .library(name: "HSINumerics", targets: ["HSINumerics"]),
    .library(name: "HSISpectral", targets: ["HSISpectral"]),
    .library(name: "HSIRaster", targets: ["HSIRaster"]),
    .library(name: "HSIUnmixing", targets: ["HSIUnmixing"]),
    .library(name: "HSITransformer", targets: ["HSITransformer"]),
    .library(name: "HSINetworks", targets: ["HSINetworks"]),
    .library(name: "HSIRestoration", targets: ["HSIRestoration"]),
    .library(name: "HSIClassification", targets: ["HSIClassification"]),
    .library(name: "HSIDetection", targets: ["HSIDetection"]),
    .library(name: "HSIBatch", targets: ["HSIBatch"]),
    .library(name: "HSIReport", targets: ["HSIReport"]),
    .library(name: "HSIWorkflow", targets: ["HSIWorkflow"]),
    .executable(name: "hsi", targets: ["hsi"]),
    .executable(name: "hsi-benchmark", targets: ["hsi-benchmark"]),
    .executable(name: "hsi-fuzz", targets: ["hsi-fuzz"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
  ],
  targets: [
    // Libraries of the system, found by pkg-config (Debian package names in the README).
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CFFTW", pkgConfig: "fftw3f", providers: [.apt(["libfftw3-dev"])]),
    .systemLibrary(name: "CMatIO", pkgConfig: "matio", providers: [.apt(["libmatio-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLibSVM", providers: [.apt(["libsvm-dev"])]),

    // GDAL brings 120 libraries along and is loaded when its first function is called: see Sources/CGDAL/README.md.
    .target(
      name: "CGDAL", exclude: ["README.md", "functions.txt", "generate.py"],
      linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    .target(
      name: "CKernels",
      exclude: ["README.md"],
      cSettings: ["Common", "Scene", "Unmixing", "Restoration", "Classification", "Detection", "Network", "Spectral"]
        .map { .headerSearchPath($0) }),
    .target(
      name: "HSICore",
      dependencies: [.product(name: "Logging", package: "swift-log")]),
    .target(
      name: "HSINumerics",
      dependencies: ["CKernels", "COpenBLAS", "CFFTW", "HSICore"],
      linkerSettings: [
        .linkedLibrary("fftw3f_threads"), .linkedLibrary("fftw3"), .linkedLibrary("fftw3_threads"),
      ]),
    .target(name: "HSISpectral", dependencies: ["CKernels", "HSICore", "HSINumerics"]),
    .target(
      name: "HSIRaster",
      dependencies: ["CGDAL", "CMatIO", "CHDF5", "CZlib", "CKernels", "HSICore", "HSINumerics"]),
    .target(
      name: "HSITransformer", dependencies: ["CKernels", "COpenBLAS", "CZlib", "HSICore", "HSINumerics"]),
    .target(
      name: "HSINetworks", dependencies: ["CKernels", "HSICore", "HSINumerics", "HSITransformer"]),
    .target(
      name: "HSIUnmixing",
      dependencies: ["CKernels", "HSICore", "HSINumerics", "HSISpectral", "HSINetworks", "HSITransformer"]),
    .target(
      name: "HSIRestoration", dependencies: ["CKernels", "HSICore", "HSINumerics", "HSINetworks", "HSITransformer"],
      resources: [.copy("Resources")]),
    .target(
      name: "HSIClassification",
      dependencies: ["CKernels", "CLibSVM", "HSICore", "HSINumerics", "HSINetworks", "HSITransformer"]),
    .target(name: "HSIDetection", dependencies: ["CKernels", "HSICore", "HSINumerics", "HSISpectral"]),
    .target(
      name: "HSIBatch",
      dependencies: [
        "HSICore", .product(name: "Yams", package: "Yams"),
      ]),
    .target(name: "HSIReport", dependencies: ["HSICore"]),
    .target(
      name: "HSIWorkflow",
      dependencies: [
        "HSICore", "HSINumerics", "HSISpectral", "HSIRaster", "HSITransformer", "HSINetworks", "HSIUnmixing",
        "HSIRestoration", "HSIClassification", "HSIDetection", "HSIReport",
      ]),
    .target(
      name: "HSIKit",
      dependencies: [
        "HSICore", "HSINumerics", "HSISpectral", "HSIRaster", "HSITransformer", "HSINetworks", "HSIUnmixing",
        "HSIRestoration", "HSIClassification", "HSIDetection", "HSIBatch", "HSIReport", "HSIWorkflow",
      ]),
    .executableTarget(
      name: "hsi",
      dependencies: [
        "HSIKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "hsi-benchmark",
      dependencies: [
        "HSIKit", "CKernels", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "hsi-fuzz",
      dependencies: [
        "HSIKit", "HSIMutation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "HSIMutation", dependencies: ["HSICore"], path: "Tests/HSIMutation"),
    .target(
      name: "HSITestSupport",
      dependencies: [
        "CKernels", "HSICore", "HSIMutation", "HSINumerics", "HSITransformer", "HSIRestoration", "HSIClassification",
      ],
      path: "Tests/HSITestSupport"),
    .testTarget(name: "HSICoreTests", dependencies: ["HSICore", "HSITestSupport"]),
    .testTarget(
      name: "HSINumericsTests", dependencies: ["CKernels", "HSINumerics", "HSITestSupport"], exclude: ["Fixtures"]),
    .testTarget(
      name: "HSISpectralTests", dependencies: ["CKernels", "HSISpectral", "HSINumerics", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIRasterTests", dependencies: ["HSIRaster", "HSISpectral", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIUnmixingTests",
      dependencies: ["HSIUnmixing", "HSISpectral", "HSINetworks", "HSITransformer", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSITransformerTests", dependencies: ["CKernels", "HSITransformer", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSINetworksTests", dependencies: ["HSINetworks", "HSISpectral", "HSITransformer", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIRestorationTests",
      dependencies: ["CKernels", "HSIRestoration", "HSINetworks", "HSITransformer", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIClassificationTests",
      dependencies: ["CKernels", "HSIClassification", "HSINetworks", "HSITransformer", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIDetectionTests", dependencies: ["CKernels", "HSIDetection", "HSITestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "HSIBatchTests", dependencies: ["HSIBatch", "HSITestSupport"], exclude: ["Support"]),
    .testTarget(name: "HSIReportTests", dependencies: ["HSIReport", "HSITestSupport"], exclude: ["Snapshots"]),
    .testTarget(
      name: "CommandTests", dependencies: ["CKernels", "hsi", "HSIKit", "HSITestSupport"], exclude: ["Support"],
      resources: [.copy("Fixtures")]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
