// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Random numbers, tables and fingerprints")
struct RandomnessTests {
    @Test("SplitMix64 gives the published sequence")
    func published() {
        var generator = SplitMix64(seed: 0)
        // The first outputs of the authors' C program for the seed 0.
        #expect(generator.next() == 0xE220_A839_7B1D_CDAF)
        #expect(generator.next() == 0x6E78_9E6A_A1B9_65F4)
        #expect(generator.next() == 0x06C4_5D18_8009_454F)
        var resumed = SplitMix64(seed: generator.state)
        #expect(resumed.next() == generator.next())
    }

    @Test("mixing depends on every part, its place and their number")
    func mixing() {
        let seeds: [UInt64] = [
            SplitMix64.mix(), SplitMix64.mix(0), SplitMix64.mix(0, 0), SplitMix64.mix(1), SplitMix64.mix(1, 2),
            SplitMix64.mix(2, 1), SplitMix64.mix(1, 2, 0),
        ]
        #expect(Set(seeds).count == seeds.count)
        var pairs: Set<UInt64> = []
        for seed in 0..<100 as Range<UInt64> {
            for epoch in 0..<100 as Range<UInt64> { pairs.insert(SplitMix64.mix(seed, epoch)) }
        }
        #expect(pairs.count == 10_000)
    }

    @Test("a table of texts numbers like a dictionary, also when read back")
    func table() throws {
        var generator = SplitMix64(seed: 3)
        var table = StringTable()
        var numbers: [String: Int32] = [:]
        for _ in 0..<5000 {
            let text =
                String(UInt64.random(in: 0..<2000, using: &generator), radix: 36)
                + ["", "é", "🫖"][Int.random(in: 0..<3, using: &generator)]
            let expected = numbers[text] ?? Int32(numbers.count)
            #expect(table.insert(text) == expected)
            numbers[text] = expected
        }
        let folder = try TemporaryFolder()
        try table.lines.write(to: folder.file("ids.txt"))
        let read = try #require(StringTable(TextLines(folder.file("ids.txt"))))
        #expect(read.count == numbers.count)
        for (text, number) in numbers {
            #expect(table[Int(number)] == text && read.find(text) == Int(number))
        }
        #expect(read.find("") == nil && table.find("absent") == nil)
    }

    @Test("a fingerprint tells pieces, names, order and lengths apart")
    func fingerprint() {
        func of(_ pieces: [(String, [UInt8])]) -> String {
            var fingerprint = Fingerprint()
            for (name, bytes) in pieces { bytes.withUnsafeBytes { fingerprint.add(name, $0) } }
            return fingerprint.description
        }
        let bytes = (0..<100).map { UInt8($0) }
        var variants = [
            [("a", bytes)], [("b", bytes)], [("a", bytes + [0])], [("a", []), ("", bytes)], [("a", bytes), ("", [])],
            [("a", bytes), ("b", [1])], [("b", [1]), ("a", bytes)],
            [("a", Array(bytes[..<50])), ("", Array(bytes[50...]))],
        ]
        for position in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[position] ^= 1 << UInt8(bit)
                variants.append([("a", changed)])
            }
        }
        let prints = variants.map(of)
        #expect(Set(prints).count == variants.count)
        #expect(Set(prints.map { $0.prefix(16) }).count == variants.count)
        #expect(Set(prints.map { $0.suffix(16) }).count == variants.count)
        #expect(prints.allSatisfy { $0.count == 32 })
    }
}
