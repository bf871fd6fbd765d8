// swift-tools-version: 6.2
// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import PackageDescription

let package = Package(
    name: "OwnModel",
    dependencies: [
        .package(name: "cascade", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "OwnModel",
            dependencies: [
                .product(name: "Cascade", package: "cascade")
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
