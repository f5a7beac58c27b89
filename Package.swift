// swift-tools-version: 6.2
import PackageDescription

// The dependency rule, readable at a glance: arrows point one way, and only `posecam` sees every room.

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

// Kernels are useless at -O0, so debug builds optimise them as well.
let fastC: [CSetting] = [.unsafeFlags(["-O3"])]

let package = Package(
  name: "posecam",
  products: [.executable(name: "posecam", targets: ["posecam"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CFFmpeg",
      pkgConfig: "libavdevice libavformat libavcodec libavutil libswresample libswscale",
      providers: [
        .apt([
          "libavdevice-dev", "libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswresample-dev",
          "libswscale-dev",
        ])
      ]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CNcurses", providers: [.apt(["libncurses-dev"])]),

    .target(name: "CKernels", cSettings: fastC),
    // What must run inside a signal handler to give the terminal back.
    .target(name: "CTerminal"),
    .target(name: "CModel", exclude: ["student.safetensors"]),

    .target(name: "Video", dependencies: ["CFFmpeg"], swiftSettings: swift),
    .target(name: "Infer", dependencies: ["CKernels", "COpenBLAS", "CZlib"], swiftSettings: swift),
    .target(name: "Tracker", swiftSettings: swift),
    .target(
      name: "Train",
      dependencies: ["Infer", "Tracker", "Video", "CKernels", "CZlib", .product(name: "Yams", package: "Yams")],
      swiftSettings: swift),
    .executableTarget(
      name: "posecam",
      dependencies: [
        "Video", "Infer", "Tracker", "Train", "CNcurses", "CTerminal", "CModel",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swift),

    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swift),
    .testTarget(name: "VideoTests", dependencies: ["Video", "TestSupport"], swiftSettings: swift),
    .target(
      name: "TileEmulation", dependencies: ["CKernels"], path: "Tests/TileEmulation", cSettings: fastC),
    .testTarget(
      name: "InferTests", dependencies: ["Infer", "CKernels", "TestSupport", "TileEmulation"], swiftSettings: swift),
    .testTarget(name: "TrackerTests", dependencies: ["Tracker", "TestSupport"], swiftSettings: swift),
    .testTarget(name: "TrainTests", dependencies: ["Train", "CKernels", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "posecamTests",
      dependencies: [
        "posecam", "Video", "Infer", "Tracker", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      exclude: ["Snapshots"],
      swiftSettings: swift),
  ],
  cLanguageStandard: .gnu17
)
