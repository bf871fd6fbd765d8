// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
public import Foundation

/// What a slot has and had, kept so that a restart goes on with it.
struct SlotRecord: Sendable, Equatable, Codable {
    /// What the configuration named when this was written; when it names something else later, it wins.
    var configured: SlotPlace
    var serving: PlacedVersion
    /// What served before, for a roll-back.
    var previous: PlacedVersion?
    /// The number of the latest promotion that was followed, or that could not be; nil for none.
    var promotion: Int64?
}

/// The file beside the store that remembers which version serves in each slot, and which one before.
public struct SlotStateFile: Sendable {
    private struct Document: Codable {
        var format = 1
        var slots: [String: SlotRecord]
    }

    /// The file; it need not exist.
    public let url: URL
    /// Whether nothing is written, as when a configuration is only checked.
    public let isReadOnly: Bool

    /// Names the file.
    public init(_ url: URL, isReadOnly: Bool = false) {
        self.url = url
        self.isReadOnly = isReadOnly
    }

    /// The file that belongs to a store.
    public init(besideStore path: String, isReadOnly: Bool = false) {
        self.init(URL(fileURLWithPath: path + ".slots.json"), isReadOnly: isReadOnly)
    }

    /// What it remembers; nothing when there is no file.
    func read() throws -> [String: SlotRecord] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [:] }
        do {
            return try JSONDecoder().decode(Document.self, from: Data(contentsOf: url)).slots
        } catch {
            throw ServiceError(
                .invalid,
                "\(url.path): this is not a file of slot versions, or it is damaged. Every slot loads what the configuration "
                    + "names; remove the file."
            )
        }
    }

    /// The folders of what serves, and of what served before, in every slot.
    ///
    /// - Throws: ``ServiceError`` `.invalid` for a damaged file.
    public func folders() throws -> [String] {
        try read().values.flatMap { [$0.serving.place.path, $0.previous?.place.path].compactMap { $0 } }
    }

    /// Replaces what it remembers.
    func write(_ slots: [String: SlotRecord]) throws {
        guard !isReadOnly else { return }
        try DurableFile.write(try jsonText(Document(slots: slots)), to: url)
    }
}
