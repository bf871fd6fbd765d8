// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import CascadeStore
import Hummingbird
import Logging

/// Turns every error into a problem document, and makes answers to HEAD requests empty.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = HTTPContext

    let table: RouteTable
    let limits: Limits

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let problem = problem(for: error, request)
            if let error = error as? StoreError, error.reason != .invalid {
                context.logger.error("store", metadata: ["error": "\(error.description)"])
            } else if problem == .failure {
                // The type alone: the description of an unknown error may hold anything.
                context.logger.error("failed", metadata: ["error": "\(type(of: error))"])
            } else if let error = error as? ServiceError, error.reason == .unavailable {
                context.logger.warning("unavailable", metadata: ["error": "\(error.description)"])
            }
            let response = problem.response(instance: context.requestID)
            return request.method == .head ? response.createHeadResponse() : response
        }
    }

    private func problem(for error: any Error, _ request: Request) -> Problem {
        guard let error = error as? HTTPError, error.status == .notFound else { return Problem(error, limits: limits) }
        let methods = table.methods(at: request.uri.path)
        return methods.isEmpty ? .notFound("There is nothing at this address.") : .method(allowed: methods)
    }
}
