// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

extension FunnelService {
    /// What works, but hardly as intended: configured ids that the catalog lacks, and ids that requests may not name.
    ///
    /// Call it after ``start(keepingUp:)``, which reads the catalog.
    ///
    /// - Parameter limit: The longest id that a request may name (`server.limits.id_bytes`), in bytes.
    /// - Returns: One sentence or two each, with what to do.
    public func warnings(idLimit limit: Int) -> [String] {
        var warnings = configuration.configuredItems.compactMap { place, items -> String? in
            let known = catalog.records(of: items)
            let unknown = items.filter { known[$0] == nil }
            guard !unknown.isEmpty else { return nil }
            let named = unknown.prefix(10).map { "'\($0)'" }.joined(separator: ", ")
            let more = unknown.count > 10 ? " and \(unknown.count - 10) more" : ""
            return "\(place): the catalog has no item \(named)\(more). Check the spelling; put ids in quotes."
        }
        if let (id, count) = catalog.longest(over: limit) {
            warnings.append(Self.idWarning("items", count, longest: id.rawValue, limit: limit))
        }
        return warnings
    }

    /// What to say of ids that are longer than requests may name.
    ///
    /// - Parameters:
    ///   - what: Whose ids they are, in the plural.
    ///   - count: How many there are; nil when nobody counted.
    ///   - longest: The longest.
    ///   - limit: `server.limits.id_bytes`.
    public static func idWarning(_ what: String, _ count: Int?, longest: String, limit: Int) -> String {
        let bytes = longest.utf8.count
        let shown = bytes > 80 ? String(decoding: longest.utf8.prefix(80), as: UTF8.self) + "…" : longest
        let advice =
            bytes <= 1_024
            ? "Set server.limits.id_bytes to \(bytes) or more."
            : "No limit allows more than 1024 bytes; import the data with shorter ids."
        let who = count.map { "\($0) \(what) have ids" } ?? "\(what) have ids"
        return """
            server.limits.id_bytes: \(who) longer than \(limit) bytes, and requests that name them are refused. \
            The longest has \(bytes) bytes: '\(shown)'. \(advice)
            """
    }
}

extension FunnelConfiguration {
    /// Every list of item ids in the configuration, with the key that holds it; lists that a variant inherits count once.
    var configuredItems: [(place: String, items: [ItemID])] {
        func lists(_ plan: FunnelPlan?) -> [String: [ItemID]] {
            guard let rules = plan?.rerank else { return [:] }
            return ["pinned": rules.pinned, "blocked": rules.blocked.sorted { $0.rawValue < $1.rawValue }]
        }
        var result: [(place: String, items: [ItemID])] = []
        func add(_ path: String, _ plan: FunnelPlan?, beyond base: FunnelPlan? = nil) {
            let inherited = lists(base)
            for (key, items) in lists(plan).sorted(by: { $0.key < $1.key }) where items != inherited[key] {
                result.append(("\(path).rerank.\(key)", items))
            }
        }
        add("recommendation", recommendation)
        add("search", search)
        for (name, variant) in variants.sorted(by: { $0.key < $1.key }) {
            add("variants.\(name).recommendation", variant.recommendation, beyond: recommendation)
            add("variants.\(name).search", variant.search, beyond: search)
        }
        return result
    }
}
