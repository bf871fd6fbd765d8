// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Logging

/// Writes a line for each call that needs the role `admin`, refused calls included: who, what, of whom, and the result.
///
/// The line is written at every level of the log. Ids of people and requests stand there as the first half of their
/// SHA-256, which finds a known id again and shows no unknown one.
enum Audit {
    /// Answers a call with `next`, and writes the line.
    ///
    /// - Parameters:
    ///   - route: What was asked for.
    ///   - limits: Those of the server.
    ///   - next: Answers; tells the caller's name as soon as it knows it.
    static func following(
        _ context: HTTPContext,
        _ route: Route,
        limits: Limits,
        _ next: (inout String) async throws -> Response
    ) async throws -> Response {
        var caller = "unknown"
        do {
            let response = try await next(&caller)
            write(context, route, caller, response.status.code)
            return response
        } catch {
            write(context, route, caller, Problem(error, limits: limits).status.code)
            throw error
        }
    }

    private static func write(_ context: HTTPContext, _ route: Route, _ caller: String, _ status: Int) {
        var logger = context.logger
        logger.logLevel = .notice
        var fields: Logger.Metadata = [
            "caller": .string(caller), "operation": .string("\(route.method.rawValue) \(route.pattern)"),
            "status": .stringConvertible(status),
        ]
        for name in ["id", "request"] {
            if let text = parameter(name, context) { fields["\(name)_sha256"] = .string(hash(text)) }
        }
        if let slot = parameter("slot", context) { fields["slot"] = .string(slot) }
        logger.notice("audit", metadata: fields)
    }

    private static func parameter(_ name: String, _ context: HTTPContext) -> String? {
        context.parameters[name[...]].flatMap { PercentCoding.decode($0, plusIsSpace: false) }
    }

    /// The first 16 hexadecimal digits of the SHA-256 of a text.
    static func hash(_ text: String) -> String { String(TokenHash(of: text).hexadecimal.prefix(16)) }
}
