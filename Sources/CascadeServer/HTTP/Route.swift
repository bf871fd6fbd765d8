// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// The access to a route.
enum Access: Sendable, Equatable {
    /// All callers that reach the port.
    case everybody
    /// Callers with at least this role.
    case role(Role)
}

/// One address of the service, and what answers there.
struct Route: Sendable {
    typealias Handler = @Sendable (RequestContext) async throws -> Response

    let method: HTTPRequest.Method
    /// As OpenAPI writes it: `/v1/items/{id}`.
    let pattern: String
    let access: Access
    /// How long the answer may take, when it is not `timeouts.responseSeconds`.
    let timeout: Double?
    let handler: Handler

    init(
        _ method: HTTPRequest.Method,
        _ pattern: String,
        _ access: Access,
        timeout: Double? = nil,
        handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.timeout = timeout
        self.handler = handler
    }
}

/// All routes, found by pattern and method.
struct RouteTable: Sendable {
    let routes: [Route]
    private let byPattern: [String: [Route]]

    init(_ routes: [Route]) {
        self.routes = routes
        byPattern = Dictionary(grouping: routes, by: \.pattern)
    }

    /// The route of a pattern that the router matched; a HEAD request has the route of GET.
    func route(_ method: HTTPRequest.Method, _ pattern: String) -> Route? {
        let method = method == .head ? .get : method
        return byPattern[pattern]?.first { $0.method == method }
    }

    /// The methods that a path answers, sorted; none when there is no such path.
    func methods(at path: String) -> [String] {
        let parts = path.split(separator: "/")
        let methods = routes.filter { Self.matches($0.pattern.split(separator: "/"), parts) }.map(\.method)
        return Set(methods + (methods.contains(.get) ? [.head] : [])).map(\.rawValue).sorted()
    }

    private static func matches(_ pattern: [Substring], _ parts: [Substring]) -> Bool {
        pattern.count == parts.count && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}
