// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation

extension CallerSettings {
    /// Reads callers from a file: on each line a name, a role and a hash, with space between them.
    ///
    /// Empty lines, and lines that begin with `#`, are comments.
    ///
    /// - Throws: `ConfigurationError` with the line and what was expected; no part of a line that could be a token.
    static func read(file path: String) throws -> [CallerSettings] {
        guard let bytes = FileManager.default.contents(atPath: path),
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw ConfigurationError(
                "tokens_file: \(path) cannot be read, expected a text file that this user may read; check path and rights"
            )
        }
        var tokens: [CallerSettings] = []
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3, first.count <= 64, let role = Role(rawValue: words[1]),
                TokenHash(hexadecimal: words[2]) != nil
            else {
                let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError(
                    """
                    tokens_file: \(path), line \(number + 1): found \(words.count) words that are no caller, expected a name \
                    of at most 64 characters, a role (\(roles)) and a hash of 64 hexadecimal digits; 'cascade token' prints \
                    such a line
                    """
                )
            }
            tokens.append(CallerSettings(name: first, role: role, sha256: words[2]))
        }
        guard !tokens.isEmpty else {
            throw ConfigurationError(
                "tokens_file: found no caller in \(path), expected one a line; 'cascade token' prints such a line"
            )
        }
        return tokens
    }
}

extension ServerConfiguration {
    /// Everybody who may call: the tokens of the configuration and those of the file.
    ///
    /// - Throws: `ConfigurationError` for a file that cannot be used, and a name or a hash that stands there twice.
    func allTokens() throws -> [CallerSettings] {
        let all = tokens + (tokensFile.isEmpty ? [] : try CallerSettings.read(file: tokensFile))
        try CallerSettings.refuseRepetitions(all)
        return all
    }
}
