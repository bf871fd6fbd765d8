// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a setting may be: refuses other values and documents itself.
public struct Bound<Root>: Sendable {
    /// One setting's part of a bound.
    ///
    /// In ``words``, `{topK}` stands for the key of a property.
    struct Rule: Sendable {
        /// The property, dotted where it is in a group.
        let property: String
        /// What it may be, for example `a multiple of {numHeads}`.
        let words: String
        /// When it must be so; nil for always.
        var condition: String?
        /// Other properties that decide, whose values a message shows.
        var others: [(property: String, value: @Sendable (Root) -> String)] = []
        /// What was found.
        let found: @Sendable (Root) -> String
        /// Whether that is possible.
        var holds: @Sendable (Root) -> Bool
    }

    var rules: [Rule]

    /// Refuses impossible values.
    func check(_ root: Root, _ path: String) throws {
        for rule in rules where !rule.holds(root) {
            func key(_ property: String) -> String {
                let keys = SettingsLayout.keys(of: property, in: root)
                return (path.isEmpty ? keys : [path] + keys).joined(separator: ".")
            }
            let others = rule.others.map { "\(key($0.property)) is \($0.value(root))" }
            var text = "\(key(rule.property)): found \(rule.found(root)), expected \(keyed(rule.words, root))"
            if let condition = rule.condition { text += ", for \(keyed(condition, root))" }
            if !others.isEmpty { text += "; \(others.joined(separator: ", "))" }
            throw ConfigurationError(text)
        }
    }
}

/// Replaces `{property}` by the property's key in files.
func keyed(_ words: String, _ root: some Any) -> String {
    var result = ""
    for (number, part) in words.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
        guard number > 0, let end = part.firstIndex(of: "}") else {
            result += part
            continue
        }
        result += SettingsLayout.keys(of: String(part[..<end]), in: root).joined(separator: ".")
        result += part[part.index(after: end)...]
    }
    return result
}

extension Bound {
    /// Names a setting: a key path to a stored property.
    public typealias Setting<Value> = any KeyPath<Root, Value> & Sendable

    /// Whole numbers from a least one.
    public static func atLeast(_ least: Int, _ settings: Setting<Int>...) -> Bound {
        Bound(settings, "at least \(least)") { $0 >= least }
    }

    /// Numbers from a least one.
    public static func atLeast(_ least: Double, _ settings: Setting<Double>...) -> Bound {
        Bound(settings, "at least \(short(least))") { $0 >= least }
    }

    /// Numbers above one that is not among them.
    public static func above(_ limit: Double, _ settings: Setting<Double>...) -> Bound {
        Bound(settings, "a number above \(short(limit))") { $0 > limit }
    }

    /// Numbers below one that is not among them.
    public static func below(_ limit: Double, _ settings: Setting<Double>...) -> Bound {
        Bound(settings, "a number below \(short(limit))") { $0 < limit }
    }

    /// Shares and probabilities: from 0 to below 1.
    public static func unit(_ settings: Setting<Double>...) -> Bound {
        Bound(settings, "a number from 0 to below 1") { (0..<1).contains($0) }
    }

    /// Numbers of a range, its ends among them.
    public static func within(_ range: ClosedRange<Double>, _ settings: Setting<Double>...) -> Bound {
        Bound(settings, "a number from \(short(range.lowerBound)) to \(short(range.upperBound))") { range.contains($0) }
    }

    /// Whole numbers of a range, its ends among them.
    public static func within(_ range: ClosedRange<Int>, _ settings: Setting<Int>...) -> Bound {
        Bound(settings, "a whole number from \(range.lowerBound) to \(range.upperBound)") { range.contains($0) }
    }

    /// Multiples of a number.
    public static func multiple(_ setting: Setting<Int>, of divisor: Int) -> Bound {
        Bound([setting], divisor == 2 ? "an even number" : "a multiple of \(divisor)") { $0.isMultiple(of: divisor) }
    }

    /// Multiples of another setting.
    public static func multiple(
        _ setting: Setting<Int>,
        of divisor: Setting<Int>
    ) -> Bound {
        Bound(setting, "a multiple of", divisor) { $1 != 0 && $0.isMultiple(of: $1) }
    }

    /// Numbers no larger than another setting.
    public static func atMost<Number: Comparable & Sendable>(
        _ setting: Setting<Number>,
        _ limit: Setting<Number>
    ) -> Bound { Bound(setting, "at most", limit) { $0 <= $1 } }

    /// Numbers no smaller than another setting.
    public static func atLeast<Number: Comparable & Sendable>(
        _ setting: Setting<Number>,
        _ limit: Setting<Number>
    ) -> Bound { Bound(setting, "at least", limit) { $0 >= $1 } }

    /// Sizes of one or more layers.
    public static func layers(_ settings: Setting<[Int]>...) -> Bound {
        Bound(settings, "one layer or more, each of at least 1 feature") { sizes in
            !sizes.isEmpty && sizes.allSatisfy { $0 > 0 }
        }
    }

    /// The same bound where a condition holds, and none elsewhere.
    ///
    /// - Parameters:
    ///   - words: The condition, for example `backbone: unet`; the key of a property stands for `{property}`.
    ///   - condition: Whether it holds.
    public func when(_ words: String, _ condition: @escaping @Sendable (Root) -> Bool) -> Bound {
        Bound(
            rules: rules.map { rule in
                var rule = rule
                let holds = rule.holds
                rule.condition = words
                rule.holds = { !condition($0) || holds($0) }
                return rule
            }
        )
    }

    private init<Value: Sendable>(
        _ settings: [Setting<Value>],
        _ words: String,
        _ isPossible: @escaping @Sendable (Value) -> Bool
    ) {
        rules = settings.map { setting in
            Rule(
                property: propertyName(setting),
                words: words,
                found: { "\($0[keyPath: setting])" },
                holds: { isPossible($0[keyPath: setting]) }
            )
        }
    }

    private init<Value: Sendable>(
        _ setting: Setting<Value>,
        _ words: String,
        _ other: Setting<Value>,
        _ isPossible: @escaping @Sendable (Value, Value) -> Bool
    ) {
        rules = [
            Rule(
                property: propertyName(setting),
                words: "\(words) {\(propertyName(other))}",
                others: [(propertyName(other), { @Sendable (root: Root) in "\(root[keyPath: other])" })],
                found: { "\($0[keyPath: setting])" },
                holds: { isPossible($0[keyPath: setting], $0[keyPath: other]) }
            )
        ]
    }
}

/// The dotted name of the stored property that a key path leads to.
private func propertyName(_ path: AnyKeyPath) -> String {
    let text = "\(path)"
    let name = text.split(separator: ".").dropFirst().joined(separator: ".")
    precondition(!name.isEmpty && !name.contains("<"), "a bound needs a stored property; found \(text)")
    return name
}

/// A number without a fraction that says nothing.
private func short(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
