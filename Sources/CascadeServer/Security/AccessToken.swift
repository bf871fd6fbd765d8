// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Foundation

/// A new secret for a caller, and the hash of it that goes into the configuration.
public struct AccessToken: Sendable {
    /// What the caller sends: `Authorization: Bearer <text>`.
    ///
    /// Shown once, stored nowhere.
    public let text: String
    /// SHA-256 of the text, in hexadecimal digits: `tokens[].sha256` of the configuration.
    public let sha256: String

    /// Draws 32 random bytes from the system's generator for secrets.
    ///
    /// A fast hash is right for such a token. Slow, salted hashes (bcrypt, Argon2) protect passwords, which people choose
    /// and others can guess in some billions of tries. 256 random bits cannot be guessed in any number of tries, however fast
    /// each is, so slowness would only cost the server time with every request.
    public init() {
        var generator = SystemRandomNumberGenerator()
        let bytes = Data((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
        text = "cascade_" + bytes.base64EncodedString().map { ["+": "-", "/": "_", "=": ""][$0] ?? "\($0)" }.joined()
        sha256 = TokenHash(of: text).hexadecimal
    }
}

/// SHA-256 of a token.
struct TokenHash: Sendable, Equatable {
    let bytes: [UInt8]

    init(of token: String) { bytes = SHA256.hash(token.utf8) }

    /// Reads 64 hexadecimal digits; nil for anything else.
    init?(hexadecimal: String) {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        guard hexadecimal.utf8.count == 64, digits.count == 64 else { return nil }
        bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    var hexadecimal: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    /// Whether two hashes are the same, in a time that does not depend on where they differ.
    func matches(_ other: TokenHash) -> Bool {
        var difference: UInt8 = bytes.count == other.bytes.count ? 0 : 1
        for (one, another) in zip(bytes, other.bytes) { difference |= one ^ another }
        return difference == 0
    }
}
