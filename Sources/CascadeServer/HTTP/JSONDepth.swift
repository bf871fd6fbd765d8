// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// How deep a JSON text is, measured without building anything.
///
/// Decoders call themselves for each level, so a body of ten thousand brackets could exhaust the stack.
enum JSONDepth {
    /// Whether lists and objects lie at most so deep in one another.
    ///
    /// Says nothing on whether the text is JSON at all.
    static func isAtMost(_ most: Int, _ text: some Sequence<UInt8>) -> Bool {
        var depth = 0
        var inString = false
        var escaped = false
        for byte in text {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > most { return false }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return true
    }
}
