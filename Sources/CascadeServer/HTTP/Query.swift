// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The part of an address after the question mark, read strictly.
struct Query {
    private var values: [String: String] = [:]

    /// How many features of the moment a request may name.
    static let mostContext = 16
    private static let contextPrefix = "context."

    /// Splits and decodes; refuses unknown and repeated keys, and broken percent coding.
    ///
    /// - Parameters:
    ///   - text: The part after the question mark.
    ///   - known: The keys that the address has.
    ///   - hasContext: Whether keys that begin with `context.` are known too.
    init(_ text: String, known: [String], hasContext: Bool = false) throws {
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = PercentCoding.decode(halves[0], plusIsSpace: true),
                let value = PercentCoding.decode(halves.count > 1 ? halves[1] : "", plusIsSpace: true)
            else { throw Problem.invalid("query: found what is not UTF-8 in percent coding, expected what is.") }
            let isContext = hasContext && key.hasPrefix(Self.contextPrefix)
            guard isContext || known.contains(key) else {
                let names = known + (hasContext ? ["context.NAME"] : [])
                throw Problem.invalid("query: found an unknown key, expected only \(names.joined(separator: ", ")).")
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw Problem.invalid("query: found '\(key)' twice, expected it once.")
            }
        }
    }

    /// The features of the moment: `context.device=phone` as `["device": "phone"]`.
    func context(_ limits: Limits) throws -> [String: String] {
        let found = values.filter { $0.key.hasPrefix(Self.contextPrefix) }
        guard found.count <= Self.mostContext else {
            throw Problem.invalid("context: found \(found.count) features, expected at most \(Self.mostContext).")
        }
        return try found.reduce(into: [:]) { context, pair in
            let name = String(pair.key.dropFirst(Self.contextPrefix.count))
            try Text.check(name, "context.NAME", 1...limits.idBytes)
            try Text.check(pair.value, "context.NAME", 1...limits.idBytes)
            context[name] = pair.value
        }
    }

    /// A text of some length in bytes; nil when it is not there.
    func text(_ key: String, _ range: ClosedRange<Int>) throws -> String? {
        guard let value = values[key] else { return nil }
        try Text.check(value, key, range)
        return value
    }

    /// A text that must be there.
    func required(_ key: String, _ range: ClosedRange<Int>) throws -> String {
        guard let value = try text(key, range) else {
            throw Problem.invalid(
                "query: found no '\(key)', expected \(range.lowerBound) to \(range.upperBound) bytes."
            )
        }
        return value
    }

    /// A whole number.
    func count(_ key: String, standard: Int, atMost most: Int) throws -> Int {
        guard let text = values[key] else { return min(standard, most) }
        guard let value = Int(text), text.allSatisfy(\.isASCII), (1...most).contains(value) else {
            throw Problem.invalid("\(key): found something else, expected a whole number from 1 to \(most).")
        }
        return value
    }
}

/// Texts that callers send.
enum Text {
    /// Refuses a text that is too short or too long, in bytes, or that holds control characters.
    static func check(_ text: String, _ name: String, _ range: ClosedRange<Int>) throws {
        let count = text.utf8.count
        guard range.contains(count) else {
            throw Problem.invalid(
                "\(name): found \(count) bytes, expected \(range.lowerBound) to \(range.upperBound)."
            )
        }
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw Problem.invalid("\(name): found a control character, expected a text without.")
        }
    }
}

/// Percent coding, without forgiveness.
enum PercentCoding {
    /// The decoded text; nil when a percent sign stands alone or the bytes are not UTF-8.
    static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
