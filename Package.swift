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
        // `import Cascade` brings all that trains, evaluates and serves a model inside one's own program.
        .library(name: "Cascade", targets: ["Cascade"]),
        .library(name: "CascadeServer", targets: ["CascadeServer"]),
        .library(name: "CascadeStore", targets: ["CascadeStore"]),
        .executable(name: "cascade", targets: ["CascadeCommand"]),
    ],
    traits: [
        .trait(name: "TLS", description: "The server answers HTTPS itself (compiles BoringSSL, some minutes)."),
        .default(enabledTraits: []),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            exact: "2.28.1",
            traits: ["FullFoundation"]
        ),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    ],
    targets: [
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibTorch", pkgConfig: "libtorch"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CTorch", dependencies: ["CLibTorch"]),
        // Debian's Faiss is a static library, which does not name what it needs in turn.
        .target(name: "CIndex", linkerSettings: ["faiss", "gomp", "lapack", "blas"].map { .linkedLibrary($0) }),

        library("CascadeTorch", ["CTorch", "CascadeTensorFiles"]),
        library("CascadeNN", ["CascadeTorch", "CascadeConfigurations"]),
        library("CascadeDiffusion", ["CascadeTorch", "CascadeNN", "CascadeConfigurations"]),
        library("CascadeTensorFiles", []),
        library("CascadeConfigurations", ["CascadeTensorFiles"]),
        library("CascadeDatasets", ["CZlib", "CascadeTensorFiles"]),
        library("CascadeSimulation", ["CascadeDatasets", "CascadeTensorFiles"]),
        library("CascadeEvaluation", []),
        library("CascadeTensorBoard", ["CascadeConfigurations", "CascadeTensorFiles"]),
        library("CascadeRetrieval", ["CIndex", "CascadeDatasets", "CascadeTensorFiles", grdb]),
        library("CascadeLoop", ["CascadeConfigurations", "CascadeTensorFiles"]),
        library("CascadeStore", ["CCrypto", "CascadeDatasets", "CascadeTensorFiles", grdb, sqlite]),
        library(
            "CascadeFunnel",
            [
                "CascadeConfigurations", "CascadeDatasets", "CascadeEvaluation", "CascadeRetrieval", "CascadeStore",
                "CascadeTensorFiles",
            ]
        ),
        .target(
            name: "CascadeServer",
            dependencies: [
                "CZlib", "CascadeConfigurations", "CascadeDatasets", "CascadeTensorFiles", "CascadeStore",
                "CascadeFunnel",
            ] + http,
            resources: [
                "console.html", "console.css", "console.js", "console-kit.js", "console-people.js", "console-charts.js",
                "console-operation.js", "console.svg", "openapi.json",
            ].map { .embedInCode("Resources/\($0)") },
            swiftSettings: swiftSettings
        ),
        library(
            "CascadeRecommenders",
            [
                "CascadeTorch", "CascadeNN", "CascadeDiffusion", "CascadeDatasets", "CascadeTensorFiles",
                "CascadeConfigurations", "CascadeEvaluation",
            ]
        ),
        library(
            "CascadeRuns",
            [
                "CascadeTorch", "CascadeNN", "CascadeDatasets", "CascadeTensorFiles", "CascadeEvaluation",
                "CascadeRecommenders",
            ]
        ),
        library(
            "CascadeTraining",
            [
                "CascadeTorch", "CascadeNN", "CascadeDatasets", "CascadeTensorBoard", "CascadeTensorFiles",
                "CascadeEvaluation", "CascadeRecommenders", "CascadeRuns",
            ]
        ),
        library(
            "CascadeBenchmarks",
            [
                "CascadeTorch", "CascadeNN", "CascadeDiffusion", "CascadeDatasets", "CascadeRecommenders",
                "CascadeRuns",
                "CascadeTraining",
            ]
        ),
        library(
            "CascadeServing",
            [
                "CascadeTorch", "CascadeNN", "CascadeDatasets", "CascadeTensorFiles", "CascadeRetrieval",
                "CascadeRecommenders", "CascadeRuns", "CascadeFunnel",
            ]
        ),
        library(
            "CascadeComparison",
            [
                "CascadeTorch", "CascadeDatasets", "CascadeSimulation", "CascadeTensorFiles", "CascadeEvaluation",
                "CascadeRecommenders", "CascadeTraining",
            ]
        ),
        .target(
            name: "CascadeAnalysis",
            dependencies: [
                "CascadeTorch", "CascadeNN", "CascadeDiffusion", "CascadeDatasets", "CascadeSimulation",
                "CascadeTensorBoard", "CascadeTensorFiles", "CascadeEvaluation", "CascadeRecommenders",
                "CascadeTraining",
            ],
            resources: [.embedInCode("plot.py")],
            swiftSettings: swiftSettings
        ),
        library(
            "Cascade",
            [
                "CascadeTorch", "CascadeNN", "CascadeDiffusion", "CascadeTensorBoard", "CascadeTensorFiles",
                "CascadeConfigurations", "CascadeDatasets", "CascadeSimulation", "CascadeEvaluation",
                "CascadeRetrieval", "CascadeFunnel", "CascadeLoop",
                "CascadeRecommenders", "CascadeRuns", "CascadeTraining", "CascadeServing", "CascadeComparison",
                "CascadeAnalysis", "CascadeBenchmarks",
            ]
        ),
        .executableTarget(
            name: "CascadeCommand",
            dependencies: [
                "CascadeTorch", "CascadeNN", "CascadeDatasets", "CascadeSimulation", "CascadeTensorFiles",
                "CascadeConfigurations", "CascadeEvaluation", "CascadeRetrieval", "CascadeStore",
                "CascadeFunnel", "CascadeServer", "CascadeLoop", "CascadeRecommenders", "CascadeRuns",
                "CascadeTraining",
                "CascadeServing", "CascadeComparison", "CascadeAnalysis", "CascadeBenchmarks", arguments,
                yams, logging,
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .target(
            name: "TensorTestSupport",
            dependencies: ["TestSupport", "CascadeTensorFiles", "CascadeTorch"],
            path: "Tests/TensorTestSupport",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "ServerTestSupport",
            dependencies: ["CascadeDatasets", "CascadeStore", "CascadeFunnel"],
            path: "Tests/ServerTestSupport",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "ServerProbe",
            dependencies: [
                "CascadeServer", "ServerTestSupport", "TestSupport", "CascadeConfigurations", "CascadeStore", logging,
            ],
            path: "Tests/ServerProbe",
            swiftSettings: swiftSettings
        ),
        tests("TensorFilesTests", ["CascadeTensorFiles", "TestSupport"]),
        tests("ConfigurationsTests", ["CascadeConfigurations"]),
        tests("TorchTests", ["CascadeTorch", "CascadeTensorFiles", "TestSupport", "TensorTestSupport"]),
        tests("NNTests", ["CascadeNN", "CascadeTorch", "TensorTestSupport"]),
        tests(
            "DiffusionTests",
            ["CascadeDiffusion", "CascadeNN", "CascadeTorch", "CascadeTensorFiles", "TensorTestSupport"]
        ),
        tests(
            "ProcessTests",
            [
                "CascadeServing", "CascadeTraining", "CascadeRuns", "CascadeFunnel", "CascadeRecommenders",
                "CascadeDatasets", "CascadeSimulation", "CascadeNN", "CascadeTorch", "TestSupport",
            ]
        ),
        tests(
            "DatasetsTests",
            ["CascadeDatasets", "CascadeSimulation", "CascadeEvaluation", "CascadeTensorFiles", "TestSupport"]
        ),
        tests("EvaluationTests", ["CascadeEvaluation"]),
        tests(
            "TensorBoardTests",
            ["CascadeTensorBoard", "CascadeConfigurations", "CascadeTensorFiles", "TestSupport"]
        ),
        .executableTarget(
            name: "StoreProbe",
            dependencies: ["CascadeDatasets", "CascadeStore"],
            path: "Tests/StoreProbe",
            swiftSettings: swiftSettings
        ),
        tests(
            "StoreTests",
            [
                "CascadeStore", "StoreProbe", "CascadeDatasets", "CascadeSimulation", "CascadeTensorFiles",
                "TestSupport", grdb,
            ]
        ),
        tests("LoopTests", ["CascadeLoop", "CascadeConfigurations", "CascadeTensorFiles", "TestSupport"]),
        tests(
            "FunnelTests",
            [
                "CascadeFunnel", "CascadeStore", "CascadeConfigurations", "CascadeDatasets", "CascadeEvaluation",
                "TestSupport", yams,
            ]
        ),
        tests(
            "RetrievalTests",
            ["CascadeRetrieval", "CIndex", "CascadeDatasets", "CascadeTensorFiles", "TestSupport", grdb]
        ),
        tests(
            "ServerTests",
            [
                "CascadeServer", "ServerTestSupport", "TestSupport", "CascadeConfigurations", "CascadeDatasets",
                "CascadeStore", "CascadeFunnel",
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + http
        ),
        tests(
            "RecommendersTests",
            [
                "CascadeRecommenders", "CascadeDatasets", "CascadeDiffusion", "CascadeNN", "CascadeTorch",
                "CascadeTensorFiles", "TestSupport",
                "TensorTestSupport",
            ]
        ),
        tests(
            "TrainingTests",
            [
                "CascadeTraining", "CascadeAnalysis", "CascadeBenchmarks", "CascadeDiffusion", "CascadeRecommenders",
                "CascadeEvaluation", "CascadeDatasets",
                "CascadeSimulation",
                "CascadeNN", "CascadeTorch", "CascadeTensorFiles", "TestSupport",
            ]
        ),
        tests(
            "ComparisonTests",
            [
                "CascadeComparison", "CascadeConfigurations", "CascadeTraining", "CascadeRecommenders", "CascadeRuns",
                "CascadeEvaluation", "CascadeDatasets", "CascadeSimulation", "TestSupport", yams,
            ]
        ),
        tests(
            "AnalysisTests",
            [
                "CascadeAnalysis", "CascadeTraining", "CascadeRecommenders", "CascadeDatasets", "CascadeTorch",
                "TestSupport",
            ]
        ),
        tests(
            "ServingTests",
            [
                "CascadeServing", "CascadeTraining", "CascadeRuns", "CascadeFunnel", "CascadeRetrieval",
                "CascadeRecommenders", "CascadeDatasets", "CascadeSimulation", "CascadeTensorFiles",
                "CascadeTorch", "TestSupport",
            ]
        ),
        tests(
            "EndToEndTests",
            [
                "CascadeTraining", "CascadeRecommenders", "CascadeDatasets", "CascadeSimulation", "CascadeTensorFiles",
                "TestSupport",
            ]
        ),
        tests(
            "SnippetTests",
            [
                "CascadeTensorFiles", "CascadeDatasets", "CascadeSimulation", "CascadeTensorBoard",
                "CascadeConfigurations", "CascadeEvaluation", "CascadeTorch", "CascadeNN", "CascadeRetrieval",
                "CascadeStore", "CascadeDiffusion", "CascadeFunnel", "CascadeLoop", "CascadeRecommenders",
                "CascadeServer",
                "CascadeRuns", "CascadeTraining", "CascadeServing", "CascadeComparison", "CascadeAnalysis",
                "CascadeBenchmarks", "ServerTestSupport", "TestSupport",
            ]
        ),
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
    var needing: Set<String> = ["CLibTorch", "CascadeTorch"]
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
