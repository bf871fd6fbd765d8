// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The names of requests, in `X-Request-Id`.
enum RequestName {
    /// The caller's name for a request, if it can stand in a log line as it is; otherwise a new one.
    static func taken(from header: String?) -> String {
        guard let header, (1...64).contains(header.utf8.count), header.utf8.allSatisfy(isPlain) else { return make() }
        return header
    }

    private static func make() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
