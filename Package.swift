// swift-tools-version: 6.2
// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// A Swift library of this package; its tests, when it has any, live in `Tests/<name>Tests`.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let http: [Target.Dependency] = [
    hummingbird, logging, metrics, lifecycle,
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HummingbirdTLS", package: "hummingbird", condition: .when(traits: ["TLS"])),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"])),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]

let package = Package(
    name: "cascade",
    products: [
        .library(name: "Torch", targets: ["Torch"]),
        .library(name: "Recommenders", targets: ["NN", "Diffusion", "Recommenders"]),
        .library(name: "Datasets", targets: ["Datasets"]),
        .library(name: "Evaluation", targets: ["Evaluation"]),
        .library(name: "Retrieval", targets: ["Retrieval"]),
        .library(name: "Funnel", targets: ["Store", "Funnel"]),
        .library(name: "Server", targets: ["Server"]),
        .library(name: "Training", targets: ["Runs", "Training"]),
        .library(name: "Serving", targets: ["Runs", "Serving"]),
        .library(name: "Comparison", targets: ["Comparison"]),
        .library(name: "Analysis", targets: ["Analysis"]),
        .executable(name: "cascade", targets: ["cascade"]),
    ],
    traits: [
        .trait(name: "TLS", description: "The server answers HTTPS itself (compiles BoringSSL, some minutes)."),
        .default(enabledTraits: []),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            from: "2.28.1",
            traits: ["FullFoundation"]
        ),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: [
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibTorch", pkgConfig: "libtorch"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CTorch", dependencies: ["CLibTorch"]),
        // Debian's Faiss is a static library, which does not name what it needs in turn.
        .target(name: "CIndex", linkerSettings: ["faiss", "gomp", "lapack", "blas"].map { .linkedLibrary($0) }),

        library("Torch", ["CTorch", "TensorFiles"]),
        library("NN", ["Torch"]),
        library("Diffusion", ["Torch", "NN"]),
        library("TensorFiles", []),
        library("Configurations", ["TensorFiles"]),
        library("Datasets", ["CZlib", "TensorFiles"]),
        library("Evaluation", []),
        library("Retrieval", ["CIndex", "Datasets", "TensorFiles", grdb]),
        library("Store", ["CCrypto", "Datasets", "TensorFiles", grdb, sqlite]),
        library("Funnel", ["Configurations", "Datasets", "Evaluation", "Retrieval", "Store", "TensorFiles"]),
        .target(
            name: "Server",
            dependencies: ["CZlib", "Configurations", "Datasets", "TensorFiles", "Store", "Funnel"] + http,
            resources: [
                "console.html", "console.css", "console.js", "console-kit.js", "console-people.js", "console-charts.js",
                "console-operation.js", "console.svg", "openapi.json",
            ].map { .embedInCode("Resources/\($0)") },
            swiftSettings: swiftSettings
        ),
        library("Recommenders", ["Torch", "NN", "Diffusion", "Datasets", "TensorFiles", "Configurations"]),
        library("Runs", ["Torch", "NN", "Datasets", "TensorFiles", "Evaluation", "Recommenders"]),
        library("Training", ["Torch", "NN", "Datasets", "TensorFiles", "Evaluation", "Recommenders", "Runs"]),
        library("Serving", ["Torch", "NN", "Datasets", "TensorFiles", "Retrieval", "Recommenders", "Runs", "Funnel"]),
        library("Comparison", ["Torch", "Datasets", "TensorFiles", "Evaluation", "Recommenders", "Training"]),
        .target(
            name: "Analysis",
            dependencies: [
                "Torch", "NN", "Diffusion", "Datasets", "TensorFiles", "Evaluation", "Recommenders", "Training",
            ],
            resources: [.embedInCode("plot.py")],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "cascade",
            dependencies: [
                "Torch", "NN", "Datasets", "TensorFiles", "Configurations", "Evaluation", "Retrieval", "Store",
                "Funnel", "Server", "Recommenders", "Runs", "Training", "Serving", "Comparison", "Analysis", arguments,
                yams, logging,
            ],
            swiftSettings: swiftSettings
        ),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .target(
            name: "TensorTestSupport",
            dependencies: ["TestSupport", "TensorFiles", "Torch"],
            path: "Tests/TensorTestSupport",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "ServerTestSupport",
            dependencies: ["Datasets", "Store", "Funnel"],
            path: "Tests/ServerTestSupport",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "ServerProbe",
            dependencies: ["Server", "ServerTestSupport", "TestSupport", "Configurations", "Store", logging],
            path: "Tests/ServerProbe",
            swiftSettings: swiftSettings
        ),
        tests("TensorFilesTests", ["TensorFiles", "TestSupport"]),
        tests("TorchTests", ["Torch", "TensorFiles", "TestSupport", "TensorTestSupport"]),
        tests("NNTests", ["NN", "Torch", "TensorTestSupport"]),
        tests("DiffusionTests", ["Diffusion", "NN", "Torch", "TensorFiles", "TensorTestSupport"]),
        tests(
            "ProcessTests",
            ["Serving", "Training", "Runs", "Funnel", "Recommenders", "Datasets", "NN", "Torch", "TestSupport"]
        ),
        tests("DatasetsTests", ["Datasets", "Evaluation", "TensorFiles", "TestSupport"]),
        tests("EvaluationTests", ["Evaluation"]),
        .executableTarget(
            name: "StoreProbe",
            dependencies: ["Datasets", "Store"],
            path: "Tests/StoreProbe",
            swiftSettings: swiftSettings
        ),
        tests("StoreTests", ["Store", "StoreProbe", "Datasets", "TensorFiles", "TestSupport", grdb]),
        tests("FunnelTests", ["Funnel", "Store", "Configurations", "Datasets", "Evaluation", "TestSupport", yams]),
        tests("RetrievalTests", ["Retrieval", "CIndex", "Datasets", "TensorFiles", "TestSupport", grdb]),
        tests(
            "ServerTests",
            [
                "Server", "ServerTestSupport", "TestSupport", "Configurations", "Datasets", "Store", "Funnel",
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + http
        ),
        tests(
            "RecommendersTests",
            [
                "Recommenders", "Datasets", "Diffusion", "NN", "Torch", "TensorFiles", "TestSupport",
                "TensorTestSupport",
            ]
        ),
        tests(
            "TrainingTests",
            [
                "Training", "Recommenders", "Evaluation", "Datasets", "NN", "Torch", "TensorFiles", "TestSupport",
            ]
        ),
        tests(
            "ComparisonTests",
            ["Comparison", "Training", "Recommenders", "Evaluation", "Datasets", "TestSupport"]
        ),
        tests(
            "AnalysisTests",
            [
                "Analysis", "Training", "Recommenders", "Datasets", "Torch", "TestSupport",
            ]
        ),
        tests(
            "ServingTests",
            [
                "Serving", "Training", "Runs", "Funnel", "Retrieval", "Recommenders", "Datasets", "TensorFiles",
                "Torch", "TestSupport",
            ]
        ),
        tests("EndToEndTests", ["Training", "Recommenders", "Datasets", "TensorFiles", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)

// The half that needs no libtorch builds and tests alone, in a fraction of the time: CASCADE_TORCH_FREE=1, make test-fast.
if Context.environment["CASCADE_TORCH_FREE"] == "1" {
    func arrows(_ target: Target) -> [String] {
        target.dependencies.compactMap {
            switch $0 {
            case .targetItem(let name, _), .byNameItem(let name, _): name
            default: nil
            }
        }
    }
    var needing: Set<String> = ["CLibTorch", "Torch"]
    var count = 0
    while count != needing.count {
        count = needing.count
        for target in package.targets where arrows(target).contains(where: needing.contains) {
            needing.insert(target.name)
        }
    }
    // The end-to-end tests run the command, which needs libtorch.
    needing.insert("EndToEndTests")
    package.targets.removeAll { needing.contains($0.name) }
    package.products.removeAll { product in
        ((product as? Product.Library)?.targets ?? (product as? Product.Executable)?.targets ?? [])
            .contains(where: needing.contains)
    }
}
