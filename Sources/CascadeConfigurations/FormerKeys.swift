// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Keys of a configuration that had other names before; they are still read.
///
/// A key is a dotted path. `*` stands for any name in a group, or any entry of a list: `slots.*.options.batch`.
public struct FormerKeys: Sendable {
    /// A configuration with today's keys, and what was found under others.
    public struct Renewed: Sendable, Equatable {
        /// The configuration with today's keys.
        public var tree: JSONValue
        /// What was found under an old key.
        public var renamed: [Renaming]
        /// One sentence for each old key.
        public var notices: [String] {
            renamed.map { "\($0.old) is now called \($0.new); the old name still works." }
        }
    }

    private struct Rule: Sendable {
        let former: [String]
        let now: [String]
    }

    private let rules: [Rule]

    /// Names old keys, each with the key of today; both have the same number of parts, and `*` in the same places.
    public init(_ keys: [String: String]) {
        rules = keys.sorted { $0.key < $1.key }.map { former, now in
            let rule = Rule(
                former: former.split(separator: ".").map(String.init),
                now: now.split(separator: ".").map(String.init)
            )
            precondition(rule.former.count == rule.now.count, "'\(former)' and '\(now)' lie equally deep")
            return rule
        }
    }

    private init(rules: [Rule]) { self.rules = rules }

    /// The same keys within a group.
    public func under(_ path: String) -> FormerKeys {
        let outer = path.split(separator: ".").map(String.init)
        return FormerKeys(rules: rules.map { Rule(former: outer + $0.former, now: outer + $0.now) })
    }

    /// The keys of both; those of the second are looked for in what the first has renamed.
    public static func + (first: FormerKeys, second: FormerKeys) -> FormerKeys {
        FormerKeys(rules: first.rules + second.rules)
    }

    /// A configuration with today's keys in place of former ones.
    ///
    /// - Parameters:
    ///   - tree: The configuration.
    ///   - path: Its name in messages; empty for a whole file.
    /// - Throws: ``ConfigurationError`` when a setting is there under both names.
    public func renew(_ tree: JSONValue, path: String = "") throws -> Renewed {
        var renewed = Renewed(tree: tree, renamed: [])
        for rule in rules {
            renewed.tree = try apply(rule, at: 0, renewed.tree, path: path, &renewed.renamed)
        }
        return renewed
    }

    private func apply(
        _ rule: Rule,
        at depth: Int,
        _ tree: JSONValue,
        path: String,
        _ renamed: inout [Renaming]
    ) throws -> JSONValue {
        let (former, now) = (rule.former[depth], rule.now[depth])
        func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        if former == "*", case .array(let entries) = tree, depth + 1 < rule.former.count {
            return .array(
                try entries.enumerated().map { number, entry in
                    try apply(rule, at: depth + 1, entry, path: "\(path)[\(number + 1)]", &renamed)
                }
            )
        }
        guard case .object(var fields) = tree else { return tree }
        if former == "*" {
            guard depth + 1 < rule.former.count else { return tree }
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                fields[key] = try apply(rule, at: depth + 1, value, path: place(key), &renamed)
            }
            return .object(fields)
        }
        guard let value = fields[former] else { return tree }
        if depth + 1 < rule.former.count {
            fields[former] = try apply(rule, at: depth + 1, value, path: place(former), &renamed)
            return .object(fields)
        }
        guard fields[now] == nil else {
            throw ConfigurationError(
                "\(place(former)): found it beside '\(place(now))', which is its new name; keep \(place(now)) alone"
            )
        }
        fields[former] = nil
        fields[now] = value
        renamed.append(Renaming(place(former), place(now)))
        return .object(fields)
    }
}
