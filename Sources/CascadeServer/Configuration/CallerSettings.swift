// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

/// A caller: what it is called, what it may do, and the hash by which its token is known.
public struct CallerSettings: Codable, Sendable, Equatable {
    /// What it is called in messages.
    public var name: String
    /// What it may do.
    public var role: Role
    /// SHA-256 of the token, in 64 hexadecimal digits.
    ///
    /// The token itself is nowhere in the configuration.
    public var sha256: String

    /// Describes a caller.
    public init(name: String, role: Role, sha256: String) {
        self.name = name
        self.role = role
        self.sha256 = sha256
    }

    /// Refuses a name or a hash that stands there twice.
    static func refuseRepetitions(_ tokens: [CallerSettings]) throws {
        var names: Set<String> = []
        var hashes: Set<String> = []
        for (index, token) in tokens.enumerated() {
            guard names.insert(token.name).inserted else {
                throw ConfigurationError("tokens[\(index)].name: found '\(token.name)' again, expected a new name")
            }
            guard hashes.insert(token.sha256.lowercased()).inserted else {
                throw ConfigurationError("tokens[\(index)].sha256: found a hash again, expected one token, one role")
            }
        }
    }

    private enum CodingKeys: String, CodingKey, CaseIterable { case name, role, sha256 }

    /// Reads a caller, and names the key that is missing, unknown or malformed.
    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.text(.name, expected: "a name of 1 to 64 characters") { (1...64).contains($0.count) }
        let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
        let word = try values.text(.role, expected: "one of \(roles)") { Role(rawValue: $0) != nil }
        role = Role(rawValue: word) ?? .read
        sha256 = try values.text(.sha256, expected: "64 hexadecimal digits, as 'cascade token' prints them") {
            TokenHash(hexadecimal: $0) != nil
        }
    }
}

extension KeyedDecodingContainer {
    /// A text that fits; the error says what was expected and, for what is no secret, what was found.
    fileprivate func text(_ key: Key, expected: String, fits: (String) -> Bool) throws -> String {
        guard let value = try? decode(JSONValue.self, forKey: key).text else {
            throw refusal(key, "found nothing or no text, expected \(expected); put it in quotes if it is a number")
        }
        guard fits(value) else { throw refusal(key, "found a text of \(value.count) characters, expected \(expected)") }
        return value
    }

    private func refusal(_ key: Key, _ description: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath + [key], debugDescription: description))
    }
}
