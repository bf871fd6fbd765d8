// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
public import CascadeTensorFiles
public import Foundation

extension RunDirectory {
    /// Replaces a tensor file of the run and keeps its checksum in the manifest.
    ///
    /// The manifest first allows the old and the new file, then the new one takes its place, so that a kill at any
    /// moment leaves a run whose file is the one that its manifest knows. What the manifest says afterwards is written
    /// with its next change.
    ///
    /// - Parameters:
    ///   - file: ``weights`` or ``optimizer``.
    ///   - writer: Holds the tensors.
    ///   - manifest: The run's; it is written with both checksums and left with the new one.
    public func replace(_ file: URL, by writer: SafetensorsWriter, noting manifest: inout RunManifest) throws {
        let name = file.lastPathComponent
        var checksum = ""
        try writer.write(to: file) { finished in
            checksum = try Fingerprint.ofFile(finished)
            let old = FileManager.default.fileExists(atPath: file.path) ? manifest.checksums?[name] ?? [] : []
            manifest.checksums = (manifest.checksums ?? [:]).merging([name: old + [checksum]]) { $1 }
            try write(manifest)
        }
        manifest.checksums?[name] = [checksum]
    }

    /// Sees to it that the files are those that were written with the manifest.
    ///
    /// Runs that were made before manifests kept checksums pass, and so does a file that is missing: whoever needs it
    /// says so.
    ///
    /// - Returns: The manifest that the files belong to.
    /// - Throws: ``CheckpointError`` when one is damaged or another run's.
    @discardableResult
    public func check(_ files: URL...) throws -> RunManifest {
        var manifest = try manifest()
        for file in files where FileManager.default.fileExists(atPath: file.path) {
            var attempts = 3
            while case let (found, expected)? = try mismatch(file, manifest) {
                attempts -= 1
                guard attempts > 0 else {
                    throw CheckpointError(
                        """
                        \(file.path): found the checksum \(found), expected \(expected), which manifest.json keeps. The file \
                        is damaged or another run's: restore it from a copy, or train again
                        """
                    )
                }
                // A training that goes on may have replaced both in between.
                manifest = try self.manifest()
            }
        }
        return manifest
    }

    private func mismatch(_ file: URL, _ manifest: RunManifest) throws -> (found: String, expected: String)? {
        guard let known = manifest.checksums?[file.lastPathComponent], let last = known.last else { return nil }
        let found = try Fingerprint.ofFile(file)
        return known.contains(found) ? nil : (found, last)
    }
}
