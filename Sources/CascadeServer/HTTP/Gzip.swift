// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CZlib
import NIOCore

/// The gzip format (RFC 1952), by zlib.
enum Gzip {
    /// The bytes in compressed form; nil when zlib fails.
    static func compressed(_ bytes: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        let gzipWindow = MAX_WBITS + 16
        let size = Int32(MemoryLayout<z_stream>.size)
        guard
            deflateInit2_(
                &stream,
                Z_DEFAULT_COMPRESSION,
                Z_DEFLATED,
                gzipWindow,
                8,
                Z_DEFAULT_STRATEGY,
                ZLIB_VERSION,
                size
            ) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let most = Int(deflateBound(&stream, UInt(bytes.readableBytes)))
        var result = ByteBuffer()
        let status = bytes.withUnsafeReadableBytes { input in
            // zlib reads through this pointer and does not write.
            stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.avail_in = UInt32(input.count)
            var status = Z_OK
            result.writeWithUnsafeMutableBytes(minimumWritableBytes: most) { output in
                stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(output.count)
                status = deflate(&stream, Z_FINISH)
                return output.count - Int(stream.avail_out)
            }
            return status
        }
        return status == Z_STREAM_END ? result : nil
    }
}
