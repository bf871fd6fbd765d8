// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Hummingbird

/// The header `X-Cascade-Time`: a simulation says what time it is.
enum SimulatedTime {
    /// From 1970 to the end of the year 9999, in seconds.
    private static let range: ClosedRange<Int64> = 0...253_402_300_799

    /// The time of a request's header; nil without one.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - isAllowed: Whether `server.simulated_time` is on.
    /// - Throws: `Problem` for a header that is not allowed, or no time.
    static func of(_ request: Request, isAllowed: Bool) throws -> Int64? {
        guard let text = request.headers[.simulatedTime] else { return nil }
        guard isAllowed else {
            throw Problem.invalid(
                "X-Cascade-Time: found the header, expected none, because server.simulated_time is off. Leave it out."
            )
        }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let time = Int64(text),
            range.contains(time)
        else {
            throw Problem.invalid(
                "X-Cascade-Time: found another value, expected whole seconds since 1970-01-01 UTC, before the year 10000."
            )
        }
        return time
    }
}
