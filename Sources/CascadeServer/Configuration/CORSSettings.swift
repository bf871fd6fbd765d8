// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation

/// Which web pages may call the service from a browser (cross-origin resource sharing).
public struct CORSSettings: Codable, Sendable {
    /// The origins that may: `https://shop.example`, or `*` for all.
    public var origins: [String] = []
    /// For how long a browser may remember that, in seconds.
    public var maxAgeSeconds = 600

    /// No page of another origin.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case origins
        case maxAgeSeconds = "max_age_seconds"
    }

    func validate() throws {
        try check("cors.max_age_seconds", maxAgeSeconds, in: 0...86_400)
        for (index, origin) in origins.enumerated() where origin != "*" && !Self.isOrigin(origin) {
            throw ConfigurationError(
                """
                cors.origins[\(index)]: found '\(origin)', expected an origin as browsers send it: scheme, host and, unless \
                it is the scheme's own, port, without a slash at the end, for example https://shop.example
                """
            )
        }
    }

    /// What `Access-Control-Allow-Origin` says to a page of an origin; nil when it may not call.
    func answer(to origin: String) -> String? {
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }

    private static func isOrigin(_ text: String) -> Bool {
        guard let url = URLComponents(string: text), ["http", "https"].contains(url.scheme), let host = url.host else {
            return false
        }
        let port = url.port.map { ":\($0)" } ?? ""
        return text == "\(url.scheme ?? "")://\(host)\(port)" && text == text.lowercased()
    }
}
