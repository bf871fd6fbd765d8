// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A new, empty folder that is removed with everything in it when the object goes.
public final class TemporaryFolder: Sendable {
    /// Where it is.
    public let url: URL

    /// Makes the folder.
    public init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("cascade-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// A place in it.
    public func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// Places in the repository.
public enum Repository {
    /// The folder of all tests.
    public static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    /// The folder that holds `Package.swift`.
    public static let root = tests.deletingLastPathComponent()
    /// What the tests compare with.
    public static let fixtures = tests.appendingPathComponent("Fixtures")
}
