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

let package = Package(
    name: "cascade",
    products: [
        .library(name: "Torch", targets: ["Torch"]),
        .library(name: "Recommenders", targets: ["NN", "Diffusion", "Recommenders"]),
        .library(name: "Datasets", targets: ["Datasets"]),
        .library(name: "Evaluation", targets: ["Evaluation"]),
        .library(name: "Retrieval", targets: ["Retrieval"]),
        .library(name: "Funnel", targets: ["Store", "Funnel"]),
        .library(name: "Training", targets: ["Runs", "Training"]),
        .library(name: "Serving", targets: ["Runs", "Serving"]),
        .library(name: "Comparison", targets: ["Comparison"]),
        .library(name: "Analysis", targets: ["Analysis"]),
        .executable(name: "cascade", targets: ["cascade"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
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
        library("Store", ["Datasets", "TensorFiles", grdb]),
        library("Funnel", ["Configurations", "Datasets", "Evaluation", "Retrieval", "Store", "TensorFiles"]),
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
                "Funnel", "Recommenders", "Training", "Comparison", "Analysis", arguments, yams,
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
