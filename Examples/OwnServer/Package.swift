// swift-tools-version: 6.2
// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import PackageDescription

let package = Package(
    name: "OwnServer",
    dependencies: [
        .package(name: "cascade", path: "../.."),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            exact: "2.28.1",
            traits: ["FullFoundation"]
        ),
    ],
    targets: [
        .executableTarget(
            name: "OwnServer",
            dependencies: [
                .product(name: "Cascade", package: "cascade"),
                .product(name: "CascadeStore", package: "cascade"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
