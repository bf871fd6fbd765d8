// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
public import Foundation

/// A 128-bit fingerprint of named pieces of memory, the same on every machine.
///
/// Two independently seeded 64-bit multiply-and-rotate hashes. It tells accidental damage and different data apart;
/// it is **not** cryptographic and does not protect against someone who forges a match.
public struct Fingerprint {
    private var state = (first: 0x2437_8F6A_8885_A308 as UInt64, second: 0x1319_8A2E_0370_7344 as UInt64)

    /// The fingerprint of nothing.
    public init() {}

    /// The fingerprint of a whole file.
    ///
    /// - Throws: ``FileError`` when it cannot be read.
    public static func ofFile(_ url: URL) throws(FileError) -> String {
        var fingerprint = Fingerprint()
        try MappedFile(url).withUnsafeBytes { fingerprint.add("file", $0) }
        return fingerprint.description
    }

    /// Adds one piece; its name and length count too.
    public mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer) {
        var name = name
        name.withUTF8 { state = Self.absorb(UnsafeRawBufferPointer($0), state) }
        state = Self.absorb(bytes, state)
    }

    /// The fingerprint as 32 hexadecimal digits.
    public var description: String { Self.hexadecimal(state.first) + Self.hexadecimal(state.second) }

    /// The first 64 bits of the fingerprint.
    public var number: UInt64 { state.first }

    /// A 64-bit hash of a piece of memory, the same on every machine.
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        absorb(bytes, (seed, 0)).first
    }

    /// Both states after the bytes, read as little-endian words of 8; the tail is filled with zeros.
    @inline(__always)
    private static func absorb(_ bytes: UnsafeRawBufferPointer, _ start: (UInt64, UInt64)) -> (
        first: UInt64, second: UInt64
    ) {
        var (first, second) = start
        func take(_ word: UInt64) {
            first = rotate((first ^ word) &* 0x9E37_79B1_85EB_CA87, 31) &* 0xC2B2_AE3D_27D4_EB4F
            second = rotate((second ^ word) &* 0xD6E8_FEB8_6659_FD93, 29) &* 0xFF51_AFD7_ED55_8CCD
        }
        take(UInt64(bytes.count))
        let whole = bytes.count & ~7
        for offset in stride(from: 0, to: whole, by: 8) {
            take(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
        if whole < bytes.count {
            var word: UInt64 = 0
            for offset in whole..<bytes.count { word |= UInt64(bytes[offset]) << UInt64(8 * (offset - whole)) }
            take(word)
        }
        return (SplitMix64.finalize(first), SplitMix64.finalize(second))
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }

    private static func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
