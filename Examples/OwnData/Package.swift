// swift-tools-version: 6.2
// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import PackageDescription

let package = Package(
    name: "OwnData",
    dependencies: [
        .package(name: "cascade", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "OwnData",
            dependencies: [
                .product(name: "Cascade", package: "cascade")
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
