// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// What tells one content of a slot's folders from another without reading it: where links lead, and which manifests lie
/// there.
struct FileStamp: Sendable, Equatable {
    private struct File: Sendable, Equatable {
        var path: String
        var number: Int
        var size: Int
        var changed: Date
    }

    private let files: [File]

    /// Whether there is anything.
    var isThere: Bool { !files.isEmpty }

    /// Looks at the folders now.
    init(_ slot: SlotConfiguration) {
        files = [slot.path, slot.index].compactMap { $0 }.flatMap { folder in
            ["manifest.json", "index.json"].compactMap { name in
                let file = URL(fileURLWithPath: folder).appending(path: name).resolvingSymlinksInPath().path
                guard let facts = try? FileManager.default.attributesOfItem(atPath: file) else { return nil }
                return File(
                    path: file,
                    number: facts[.systemFileNumber] as? Int ?? 0,
                    size: facts[.size] as? Int ?? 0,
                    changed: facts[.modificationDate] as? Date ?? .distantPast
                )
            }
        }
    }
}
