// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// Admits requests: right host, known token, sufficient role, within the rate.
struct AuthMiddleware: RouterMiddleware {
    typealias Context = HTTPContext

    let table: RouteTable
    let tokens: LiveTokens
    let limiter: RateLimiter?
    let slots: ConnectionSlots
    let limits: Limits

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        // An empty part would shift the others: '/v1/users//recommendations' is not the user 'recommendations'.
        guard !request.uri.path.contains("//") else { throw Problem.notFound("There is nothing at this address.") }
        let route = context.endpointPath.flatMap { table.route(request.method, $0) }
        if route?.pattern.hasPrefix("/health/") != true, slots.isReserved(context.channel) { throw Problem.crowded }
        guard let route else {
            try count(peer(context))
            return try await next(request, context)
        }
        guard case .role(let needed) = route.access else { return try await next(request, context) }
        guard needed == .admin else {
            var caller = ""
            try admit(request, context, needed, &caller)
            return try await next(request, context)
        }
        return try await Audit.following(context, route, limits: limits) { caller in
            try admit(request, context, needed, &caller)
            return try await next(request, context)
        }
    }

    /// Lets a caller in whose role is sufficient, and names it.
    private func admit(_ request: Request, _ context: HTTPContext, _ needed: Role, _ name: inout String) throws {
        let tokens = tokens.table
        guard !tokens.isEmpty else {
            name = "this machine"
            guard Self.isThisMachine(request.head.authority) else { throw Problem.foreignHost }
            return try count(peer(context))
        }
        guard let header = request.headers[.authorization], let token = TokenTable.bearer(header),
            let caller = tokens.caller(of: token)
        else {
            try count(peer(context))
            throw Problem.unauthorized("Expected 'Authorization: Bearer <token>' with a token that the server knows.")
        }
        name = caller.name
        try count("token \(caller.name)")
        guard caller.role.includes(needed) else { throw Problem.forbidden(needed: needed, found: caller.role) }
    }

    private func count(_ caller: String) throws {
        if let seconds = limiter?.take(caller) { throw Problem.rate(retryAfter: seconds) }
    }

    private func peer(_ context: HTTPContext) -> String { "peer \(Peer.name(of: context.channel.remoteAddress))" }

    /// Whether a request is addressed to this machine.
    ///
    /// A foreign web page that has its name resolve to 127.0.0.1 sends its own name.
    static func isThisMachine(_ authority: String?) -> Bool {
        guard var host = authority?.lowercased()[...] else { return false }
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]"), host[colon...].dropFirst().allSatisfy(\.isNumber)
        {
            host = host[..<colon]
        }
        return ["127.0.0.1", "[::1]", "localhost"].contains(String(host))
    }
}
