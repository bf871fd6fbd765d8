// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CCrypto

/// SHA-256 (FIPS 180-4), by the system's libcrypto.
package enum SHA256 {
    /// The 32 bytes of the digest.
    package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let message = Array(bytes)
        var digest = [UInt8](repeating: 0, count: 32)
        let done = message.withUnsafeBytes { ccrypto_sha256($0.baseAddress, $0.count, &digest) }
        precondition(done == 1, "libcrypto does not compute SHA-256")
        return digest
    }
}
