// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// The innermost layer: reads the body within its limits, and responds within its time.
struct Endpoint: HTTPResponder {
    typealias Context = HTTPContext

    let route: Route
    let backend: Backend

    func respond(to request: Request, context: HTTPContext) async throws -> Response {
        let admitted = RequestContext(
            request: try await collected(request, context),
            http: context,
            limits: backend.limits,
            simulatedTime: try SimulatedTime.of(request, isAllowed: backend.configuration.simulatedTime)
        )
        let seconds = route.timeout ?? backend.configuration.timeouts.responseSeconds
        return try await Deadline.run(seconds: seconds, late: Problem.slowResponse(seconds)) {
            try await route.handler(admitted)
        }
    }

    /// The request with its whole body in memory.
    private func collected(_ request: Request, _ context: HTTPContext) async throws -> Request {
        let declared = request.headers[.contentLength]
        guard declared != nil || request.headers[.transferEncoding] != nil else { return request }
        let expected = request.headers[.expect]?.lowercased()
        guard expected == nil || expected == "100-continue" else { throw Problem.expectation }
        let most = backend.limits.bodyBytes
        if let declared, Int(declared) ?? .max > most { throw Problem.tooLarge(most) }
        if expected != nil { context.channel.triggerUserOutboundEvent(ContinueEvent(), promise: nil) }
        let seconds = backend.configuration.timeouts.readSeconds
        let body = request.body
        let buffer = try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                do {
                    return try await body.collect(upTo: most)
                } catch is NIOTooManyBytesError {
                    throw Problem.tooLarge(most)
                } catch {
                    throw Problem.brokenBody
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw Problem.slowBody(seconds)
            }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
        var request = request
        request.body = RequestBody(buffer: buffer)
        return request
    }
}
