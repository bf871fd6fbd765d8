// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Histories of random lengths, padded on the left, and their mask.
private func padded(_ lengths: [Int], to length: Int, width: Int, seed: UInt64) throws -> (items: Tensor, mask: Tensor)
{
    let cells = lengths.flatMap { count in (0..<length).map { Float($0 < length - count ? 0 : 1) } }
    let mask = try Tensor(cells, shape: [lengths.count, length])
    let items = try Tensor.normal([lengths.count, length, width], using: Generator(seed: seed))
    return (try items * mask.unsqueezed(2), mask)
}

/// The elements of a tensor of three dimensions.
private func nested(_ x: Tensor) throws -> [[[Double]]] {
    let (flat, rows, columns) = (try x.doubles(), x.size(1), x.size(2))
    return (0..<x.size(0)).map { i in
        (0..<rows).map { j in Array(flat[(i * rows + j) * columns..<(i * rows + j + 1) * columns]) }
    }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

private func softmax(_ x: [Double]) -> [Double] {
    let powers = x.map { exp($0) }
    return powers.map { $0 / powers.reduce(0, +) }
}

/// The weighted sum of vectors.
private func mixed(_ weights: [Double], _ vectors: [[Double]]) -> [Double] {
    vectors[0].indices.map { d in zip(weights, vectors).reduce(0) { $0 + $1.0 * $1.1[d] } }
}

@Suite("Self-attentive interests")
struct SelfAttentiveInterestsTests {
    @Test("agree with loops over the real events", arguments: 1...6)
    func naive(_ seed: UInt64) throws {
        let (length, width, interests, lengths) = (7, 3, Int(seed % 3 + 1), [1, 2, 4, 7])
        let block = try SelfAttentiveInterests(
            width: width,
            hidden: 5,
            interests: interests,
            length: length,
            using: Generator(seed: seed)
        )
        try block.positions.value.detached().scale(50)
        let (items, mask) = try padded(lengths, to: length, width: width, seed: seed + 10)
        let (events, found) = try (nested(items), nested(block(items, mask)))
        let matrices = try [block.hidden.weight.value, block.output.weight.value, block.positions.value]
            .map { try nested($0.unsqueezed(0))[0] }
        for (row, count) in lengths.enumerated() {
            let real = Array(events[row].suffix(count))
            let scores = real.indices.map { i in
                let x = zip(real[i], matrices[2][length - count + i]).map(+)
                let hidden = matrices[0].map { tanh(dot($0, x)) }
                return matrices[1].map { dot($0, hidden) }
            }
            for k in 0..<interests {
                try expect(found[row][k], equal: mixed(softmax(scores.map { $0[k] }), real), "row \(row)")
            }
        }
    }

    @Test("of padding alone are zero, with finite gradients")
    func empty() throws {
        let block = try SelfAttentiveInterests(width: 3, interests: 2, length: 4, using: Generator(seed: 1))
        #expect(block.hidden.weight.value.shape == [12, 3])
        let found = try block(.zeros([2, 4, 3]), .zeros([2, 4]))
        try expect(found, [Double](repeating: 0, count: 12), shape: [2, 2, 3])
        try found.sum().backward()
        for parameter in try block.parameters() { #expect(try parameter.part.value.requiredGradient().isFinite()) }
    }
}

@Suite("Routed interests")
struct RoutedInterestsTests {
    private func block(
        _ maps: RoutingMaps,
        _ start: RoutedInterests.Start = .zero,
        width: Int = 3,
        interests: Int = 2,
        length: Int = 4,
        iterations: Int = 3,
        isAdaptive: Bool = false,
        seed: UInt64 = 1
    ) throws -> RoutedInterests {
        try RoutedInterests(
            width: width,
            interests: interests,
            length: length,
            maps: maps,
            start: start,
            iterations: iterations,
            isAdaptive: isAdaptive,
            using: Generator(seed: seed)
        )
    }

    @Test("squashing keeps the direction and brings the length n to n^2 / (1 + n^2)")
    func squashing() throws {
        let x = try Tensor([3, 4, 0, 0, -1, 0] as [Float], shape: [3, 2])
        try expect(squashed(x), [25.0 / 26 * 0.6, 25.0 / 26 * 0.8, 0, 0, -0.5, 0])
        let zero = try Parameter(.zeros([1, 3]))
        try squashed(zero.value).sum().backward()
        #expect(try zero.value.requiredGradient().isFinite())
    }

    @Test("two rounds on one event, by hand")
    func byHand() throws {
        // The maps are 1 and 2. First both interests take half of the event: lengths 0.5 and 1, squashed 0.2 and 0.5.
        // Agreements 1 * 0.2 and 2 * 0.5 make the second shares softmax(0.2, 1) = 0.310026, 0.689974.
        let block = try block(.interest, width: 1, length: 1, iterations: 2)
        try block.maps.value.detached().assign(Tensor([1, 2] as [Float], shape: [2, 1]))
        let found = try block(.ones([1, 1, 1]), .ones([1, 1]))
        try expect(found, [0.087688, 0.655678], shape: [1, 2, 1], within: 2e-6)
    }

    @Test("one round on two events: with equal shares an interest is the squashed mean times n / K, by hand")
    func oneRound() throws {
        let block = try block(.interest, width: 2, length: 3, iterations: 1)
        try block.maps.value.detached().assign(Tensor([1, 0, 0, 1, 0, 2, 2, 0] as [Float], shape: [4, 2]))
        let items = try Tensor([0, 0, 1, 0, 0, 1] as [Float], shape: [1, 3, 2])
        let found = try block(items, Tensor([0, 1, 1] as [Float], shape: [1, 3]))
        // (0.5, 0.5): square 0.5, so 1/3 of the unit vector. (1, 1): square 2, so 2/3 of it.
        let (third, root) = (1.0 / 3, 0.5.squareRoot())
        try expect(found, [third * root, third * root, 2 * third * root, 2 * third * root])
    }

    @Test("agree with loops over the real events", arguments: RoutingMaps.allCases, [false, true])
    func naive(_ maps: RoutingMaps, _ isAdaptive: Bool) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let (length, width, interests, lengths) = (9, 3, 3, [1, 2, 4, 8, 9])
            let start: RoutedInterests.Start = maps == .shared ? .normal : .zero
            let block = try block(
                maps,
                start,
                interests: interests,
                length: length,
                iterations: Int(seed),
                isAdaptive: isAdaptive,
                seed: seed
            )
            let (items, mask) = try padded(lengths, to: length, width: width, seed: seed + 10)
            let (events, found) = try (nested(items), nested(block(items, mask)))
            let matrices = try nested(block.maps.value.reshaped(-1, width, width))
            let first = try block.start.map { try nested($0.value.unsqueezed(0))[0] }
            for (row, n) in lengths.enumerated() {
                let count = isAdaptive ? max(1, min(interests, Int(log2(Double(n))))) : interests
                let seen = (0..<n).map { i in
                    let column = length - n + i
                    return (0..<count).map { j -> [Double] in
                        let number = [.shared: 0, .interest: j, .position: column * interests + j][maps] ?? 0
                        return matrices[number].map { dot($0, events[row][column]) }
                    }
                }
                var logits = (0..<n).map { i in (0..<count).map { first?[$0][length - n + i] ?? 0 } }
                var capsules: [[Double]] = []
                for _ in 0..<seed {
                    let shares = logits.map(softmax)
                    capsules = (0..<count).map { j in
                        let sum = mixed(shares.map { $0[j] }, seen.map { $0[j] })
                        let square = dot(sum, sum)
                        return sum.map { $0 * square / (1 + square) / square.squareRoot() }
                    }
                    for i in 0..<n { for j in 0..<count { logits[i][j] += dot(seen[i][j], capsules[j]) } }
                }
                for k in 0..<interests {
                    try expect(found[row][k], equal: capsules[k < count ? k : 0], within: 1e-4, "row \(row)")
                }
            }
        }
    }

    @Test("of padding alone are zero, with finite gradients")
    func empty() throws {
        for block in [try block(.interest), try block(.shared, .normal, isAdaptive: true)] {
            let found = try block(.zeros([2, 4, 3]), .zeros([2, 4]))
            try expect(found, [Double](repeating: 0, count: 12), shape: [2, 2, 3])
            try found.sum().backward()
            #expect(try block.maps.value.requiredGradient().isFinite())
        }
    }

    @Test("an adaptive history of n events has max(1, min(K, floor(log2 n))) interests", arguments: 0...40)
    func adaptive(_ count: Int) throws {
        let block = try block(.shared, .normal, interests: 4, length: 40, isAdaptive: true)
        let mask = try padded([count], to: 40, width: 1, seed: 1).mask
        let expected = count == 0 ? 1 : max(1, min(4, Int(log2(Double(count)))))
        #expect(try block.active(mask).to(.int64).sum().item() == Double(expected))
        let all = try self.block(.shared, .normal, interests: 4, length: 40).active(mask)
        #expect(try all.to(.int64).sum().item() == 4)
    }
}

@Suite("Read-out of interests")
struct InterestReadOutTests {
    @Test("takes the interest nearest to the target, and its gradient reaches that one alone; by hand")
    func nearest() throws {
        let interests = try Parameter(Tensor([1, 0, 0, 1, 2, 2, -1, -1, 3, 0, 0, 3] as [Float], shape: [2, 3, 2]))
        let targets = try Tensor([1, -2, 1, 2] as [Float], shape: [2, 2])
        // Products: 1, -2, -2 and -3, 3, 6.
        let found = try interest(interests.value, nearest: targets)
        try expect(found, [1, 0, 0, 3], shape: [2, 2])
        try found.sum().backward()
        try expect(interests.value.requiredGradient(), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    }

    @Test("label-aware attention, by hand: a power sharpens it and keeps signs, absent interests do not take part")
    func labelAware() throws {
        let interests = try Tensor([1, 0, 0, 1, 5, 5] as [Float], shape: [1, 3, 2])
        let targets = try Tensor([2, -1] as [Float], shape: [1, 2])  // products 2, -1, 5
        let present = try Tensor([1, 1, 0] as [Float], shape: [1, 3]).greater(0)
        for (power, odds) in [(1.0, exp(3.0)), (2, exp(5.0)), (3, exp(9.0))] {
            let found = try labelAwareAttention(interests, targets, among: present, power: power)
            try expect(found, [odds / (1 + odds), 1 / (1 + odds)], shape: [1, 2])
        }
    }

    @Test("settings that cannot work are refused with what was found")
    func refusals() throws {
        for (name, settings, found) in [
            ("comirec-dr", ["maps": .string("shared")], "'shared'"),
            ("comirec-sa", ["num_interests": .integer(0)], "interests"),
            ("comirec-dr", ["routing_iterations": .integer(0)], "iterations"), ("mind", ["power": .number(0.5)], "0.5"),
        ] as [(String, [String: JSONValue], String)] {
            let error = #expect(throws: ConfigurationError.self) {
                try ModelRegistry.builtin.entry(name).specification(.object(settings))
            }
            #expect(try #require(error).description.contains(found))
        }
        _ = try ModelRegistry.builtin.entry("comirec-dr").specification(
            .object(["maps": .string("shared"), "interests": .integer(1)])
        )
    }
}
