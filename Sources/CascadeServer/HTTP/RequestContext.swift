// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird

/// An admitted request, whose parts are read strictly.
struct RequestContext: Sendable {
    let request: Request
    let http: HTTPContext
    let limits: Limits
    /// The time of a simulation, in seconds since 1970-01-01 UTC; nil for the present.
    let simulatedTime: Int64?

    /// A part of the path, decoded.
    func id(_ name: String) throws -> String {
        guard let text = http.parameters[name[...]].flatMap({ PercentCoding.decode($0, plusIsSpace: false) }) else {
            throw Problem.invalid("\(name): found a path that is not UTF-8 in percent coding, expected one that is.")
        }
        try Text.check(text, name, 1...limits.idBytes)
        return text
    }

    /// The query, whose keys must all be known.
    func query(_ known: String...) throws -> Query { try Query(request.uri.query ?? "", known: known) }

    /// The query, whose keys must all be known or name features of the moment.
    func queryWithContext(_ known: String...) throws -> Query {
        try Query(request.uri.query ?? "", known: known, hasContext: true)
    }

    /// The body, as JSON.
    func body<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        guard Self.isJSON(request.headers[.contentType]) else { throw Problem.mediaType }
        let bytes = try await request.body.collect(upTo: limits.bodyBytes).readableBytesView
        guard !bytes.isEmpty else { throw Problem.invalid("body: found nothing, expected a JSON object.") }
        guard JSONDepth.isAtMost(limits.depth, bytes) else {
            throw Problem.invalid(
                "body: found lists and objects in one another too deeply, expected \(limits.depth) levels."
            )
        }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// Whether a content type is JSON.
    ///
    /// Requiring it keeps foreign web pages out too: they cannot send it unasked.
    private static func isJSON(_ header: String?) -> Bool {
        guard let type = header?.split(separator: ";").first else { return false }
        return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    }
}
