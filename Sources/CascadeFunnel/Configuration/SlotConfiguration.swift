// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
import Foundation

/// A place of the funnel for a model or an index that can be replaced while it serves.
public struct SlotConfiguration: Sendable, Equatable {
    /// What is loaded.
    public enum Kind: String, Sendable, CaseIterable {
        /// A retriever's run and the index of its items: retrieves candidates, scores them, finds similar items.
        case retriever
        /// A run that scores candidates.
        case ranker
        /// A run that scores candidates for a query.
        case searchRanker = "search-ranker"
        /// An index without a model: finds similar items.
        case index
    }

    /// Its name in the configuration.
    public var name: String
    /// What is loaded.
    public var kind: Kind
    /// The run directory, or the index directory of an ``Kind/index``.
    public var path: String
    /// The index directory that belongs to the run; nil when it has none.
    public var index: String?
    /// The dataset directory that the run was trained on, which names its items; nil when the run tells.
    public var data: String?
    /// Whether the folders are watched, and loaded anew when what they hold is replaced.
    public var watch: Bool
    /// What only the loader reads, such as the device and the budget for batches.
    public var options: JSONValue

    /// Describes a slot.
    public init(
        name: String,
        kind: Kind,
        path: String,
        index: String? = nil,
        data: String? = nil,
        watch: Bool = false,
        options: JSONValue = .null
    ) {
        self.name = name
        self.kind = kind
        self.path = path
        self.index = index
        self.data = data
        self.watch = watch
        self.options = options
    }

    init(_ group: SettingsGroup, name: String) throws {
        var group = group
        guard let kind = try group.choice("kind", of: Kind.self) else {
            let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw group.refusal("kind", .null, "one of \(kinds)")
        }
        self.init(
            name: name,
            kind: kind,
            path: try group.requiredText("path", "the folder of a run or an index"),
            index: try group.text("index"),
            data: try group.text("data"),
            watch: try group.flag("watch") ?? false,
            options: group.value("options")
        )
        try group.finish()
    }

    /// The slot with another folder in place of its own.
    ///
    /// An index named `index` within the folder comes with it, so that a run and its index are replaced together.
    /// A folder without one goes with the index that the slot has.
    public func at(_ path: String) -> SlotConfiguration {
        var other = self
        other.path = path
        let inner = URL(fileURLWithPath: path).appending(path: "index")
        if index != nil, FileManager.default.fileExists(atPath: inner.path) { other.index = inner.path }
        return other
    }
}
