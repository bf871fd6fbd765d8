// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import CascadeStore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// An error as a caller sees it: RFC 9457.
///
/// Everything about which status an error becomes is in this file.
///
/// No detail holds what a caller sent, but for names of keys: no ids, no queries, no history.
struct Problem: Error, Equatable {
    let status: HTTPResponse.Status
    /// The last part of the problem's type.
    let slug: String
    let title: String
    let detail: String
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ slug: String, _ title: String, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.headers = headers
    }

    /// A request that makes no sense as it stands.
    static func invalid(_ detail: String) -> Problem { Problem(.badRequest, "invalid", "Invalid request", detail) }

    /// There is no such address, user, item, request or slot.
    static func notFound(_ detail: String) -> Problem { Problem(.notFound, "not-found", "Not found", detail) }

    /// The address exists, for other methods.
    static func method(allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        return Problem(
            .methodNotAllowed,
            "method",
            "Method not allowed",
            "This address allows \(list) only.",
            headers: [.allow: list]
        )
    }

    /// A body that is not declared as JSON.
    static let mediaType = Problem(
        .unsupportedMediaType,
        "media-type",
        "Not JSON",
        "Content-Type: expected application/json."
    )

    /// More bytes than the server reads.
    ///
    /// The rest is not read either: the connection closes.
    static func tooLarge(_ most: Int) -> Problem {
        Problem(
            .contentTooLarge,
            "too-large",
            "Too large",
            "body: expected at most \(most) bytes. Send smaller batches.",
            headers: [.connection: "close"]
        )
    }

    /// A body that did not arrive in time.
    static func slowBody(_ seconds: Double) -> Problem {
        Problem(
            .requestTimeout,
            "slow-request",
            "Request too slow",
            "The body did not arrive within \(seconds) seconds.",
            headers: [.connection: "close"]
        )
    }

    /// A body that broke off or is not what its headers say.
    static let brokenBody = Problem(
        .badRequest,
        "broken-request",
        "Broken request",
        "The body ended early, or is not coded as its headers say.",
        headers: [.connection: "close"]
    )

    /// An `Expect` other than `100-continue`.
    static let expectation = Problem(
        .expectationFailed,
        "expectation",
        "Expectation not met",
        "Expect: expected 100-continue, or no such header."
    )

    /// A connection beyond `limits.connections` or `limits.connections_per_address`.
    static let crowded = Problem(
        .serviceUnavailable,
        "connections",
        "Too many connections",
        "The server, or the caller's address, has reached its connection limit. Use fewer connections, or retry.",
        headers: [.retryAfter: "1", .connection: "close"]
    )

    /// No token, or one that nobody has.
    static func unauthorized(_ detail: String) -> Problem {
        Problem(
            .unauthorized,
            "unauthorized",
            "Token required",
            detail,
            headers: [.wwwAuthenticate: "Bearer realm=\"cascade\""]
        )
    }

    /// A token whose role is not enough.
    static func forbidden(needed: Role, found: Role) -> Problem {
        Problem(
            .forbidden,
            "forbidden",
            "Insufficient role",
            "The token's role is '\(found.rawValue)'; this address needs '\(needed.rawValue)'."
        )
    }

    /// Without tokens: a request for another host than this machine, as a foreign web page would make it.
    static let foreignHost = Problem(
        .misdirectedRequest,
        "foreign-host",
        "Wrong host",
        "Without tokens the server answers only requests to 127.0.0.1, [::1] or localhost."
    )

    /// More requests than the caller may send.
    static func rate(retryAfter seconds: Double) -> Problem {
        Problem(
            .tooManyRequests,
            "rate",
            "Too many requests",
            "The caller exceeded its rate limit.",
            headers: [.retryAfter: "\(max(1, Int(seconds.rounded(.up))))"]
        )
    }

    /// An answer that took too long.
    ///
    /// What was to be stored may have been stored or not.
    static func slowResponse(_ seconds: Double) -> Problem {
        Problem(
            .serviceUnavailable,
            "timeout",
            "Too slow",
            "There was no response within \(seconds) seconds. Events may be sent again: their ids prevent duplicates.",
            headers: [.retryAfter: "1"]
        )
    }

    /// Something that cannot be done now.
    static func unavailable(_ detail: String) -> Problem {
        Problem(.serviceUnavailable, "unavailable", "Unavailable", detail, headers: [.retryAfter: "1"])
    }

    /// An internal error, of which the caller learns only the request id.
    static let failure = Problem(
        .internalServerError,
        "failure",
        "Internal error",
        "Internal error; the log has details under the request id."
    )
}

extension Problem {
    /// What an error becomes.
    init(_ error: any Error, limits: Limits) {
        switch error {
        case let problem as Problem: self = problem
        case let error as ServiceError:
            switch error.reason {
            case .notFound: self = .notFound(error.description)
            case .invalid: self = .invalid(error.description)
            case .unavailable: self = .unavailable(error.description)
            }
        case let error as StoreError: self = Self.of(error.reason)
        case let error as DecodingError: self = .invalid(Self.describe(error))
        case is NIOTooManyBytesError: self = .tooLarge(limits.bodyBytes)
        case is CancellationError: self = .unavailable("The server is stopping.")
        default: self = .failure
        }
    }

    /// What a caller learns of the store; its own words name files of this machine.
    private static func of(_ reason: StoreError.Reason) -> Problem {
        switch reason {
        case .invalid:
            .invalid("body: found an id or a text that cannot be stored, expected text without NUL characters.")
        case .busy, .full, .closed, .missing, .readOnly, .corrupt:
            .unavailable("The store cannot be written now; nothing of this request was stored.")
        default: .failure
        }
    }

    /// What is wrong with a body, without what the body says.
    private static func describe(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            "\(place(context.codingPath + [key])): found nothing, expected a value."
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            "\(place(context.codingPath)): found another type, expected \(name(of: type))."
        // Ours begin so; the decoder's own would repeat the value.
        case .dataCorrupted(let context) where context.debugDescription.hasPrefix("found "):
            "\(place(context.codingPath)): \(context.debugDescription)."
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            "\(place(context.codingPath)): found a number out of range, or a fraction where a whole number belongs."
        default: "body: found what is not JSON, or a number out of range; expected JSON in UTF-8."
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        let text = path.reduce("") { text, key in
            key.intValue.map { "\(text)[\($0)]" } ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
        }
        return text.isEmpty ? "body" : text
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [String: any Sendable].Type: "an object"
        default: "\(type)".hasPrefix("Array") ? "a list" : "an object"
        }
    }
}

extension Problem {
    /// What is sent: `application/problem+json`.
    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let instance: String
    }

    /// The answer to a request of that id.
    func response(instance: String) -> Response {
        let document = Document(
            type: "urn:cascade:problem:\(slug)",
            title: title,
            status: status.code,
            detail: detail,
            instance: instance
        )
        var response = (try? JSONResponse.of(document, status: status)) ?? Response(status: status)
        response.headers[.contentType] = "application/problem+json"
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}
