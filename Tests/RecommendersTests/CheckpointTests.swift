// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import Foundation
import TestSupport
import Testing

@testable import CascadeRecommenders

/// Two layers whose second is one that loading could fail at after the first was read.
private struct Pair: Module {
    let first: Linear
    let second: Embedding
    let count: Buffer

    init(seed: UInt64, width: Int = 3) throws {
        let generator = try Generator(seed: seed)
        first = try Linear(2, 2, using: generator)
        second = try Embedding(4, width, .normal(1), using: generator)
        count = Buffer(try .full([2], Double(seed)))
    }

    func values() throws -> [[Float]] { try state().map { try $0.part.floats() } }
}

@Suite("Checkpoint")
struct CheckpointTests {
    private let folder: TemporaryFolder
    private var url: URL { folder.file("weights.safetensors") }

    init() throws { folder = try TemporaryFolder() }

    /// Writes the state of a pair after a change.
    private func write(_ change: (inout [Named<Tensor>]) throws -> Void) throws {
        var state = try Pair(seed: 2).state()
        try change(&state)
        var writer = SafetensorsWriter(metadata: [:])
        for entry in state { writer.add(entry.name, entry.part) }
        try writer.write(to: url)
    }

    /// What loading into a pair says, after checking that the pair is as it was.
    private func refusal<E: Error & CustomStringConvertible>(_ type: E.Type) throws -> String {
        let pair = try Pair(seed: 1)
        let before = try pair.values()
        let error = #expect(throws: E.self) { try Checkpoint.load(url, into: pair) }
        #expect(try pair.values() == before, "the model was changed")
        let message = try #require(error).description
        #expect(message.contains(url.path), "\(message)")
        return message
    }

    @Test("keeps parameters and buffers, the tensors themselves staying the same objects")
    func roundTrip() throws {
        let (old, new) = (try Pair(seed: 2), try Pair(seed: 1))
        try Checkpoint.save(old, to: url, metadata: ["model": "pair"])
        let tensor = new.first.weight.value
        try Checkpoint.load(url, into: new)
        #expect(try new.values() == old.values())
        #expect(new.first.weight.value.isSame(as: tensor) && tensor.requiresGradient)
        let file = try SafetensorsFile(url)
        #expect(file.names == ["first.weight", "first.bias", "second.weight", "count"])
        #expect(file.metadata["model"] == "pair")
    }

    @Test("a wrong shape is told with both shapes")
    func wrongShape() throws {
        try Checkpoint.save(Pair(seed: 2, width: 5), to: url)
        let message = try refusal(CheckpointError.self)
        #expect(message.contains("'second.weight' is F32 [4, 5] but this model needs F32 [4, 3]"))
        #expect(message.contains("another width"))
    }

    @Test("a wrong type is told with both types")
    func wrongType() throws {
        try write { $0[3] = Named(name: "count", part: try .zeros([2], .int64)) }
        #expect(try refusal(CheckpointError.self).contains("'count' is I64 [2] but this model needs F32 [2]"))
    }

    @Test("a missing tensor is named")
    func missing() throws {
        try write { $0.removeLast() }
        #expect(try refusal(CheckpointError.self).contains("'count' is missing"))
    }

    @Test("a tensor too many is named")
    func extra() throws {
        try write { $0.append(Named(name: "third.weight", part: try .ones([1]))) }
        #expect(try refusal(CheckpointError.self).contains("'third.weight', which this model does not have"))
    }

    @Test("a file that was cut off is refused, wherever", arguments: [0, 4, 40, 1, 2])
    func truncated(_ cut: Int) throws {
        try write { _ in }
        let whole = try Data(contentsOf: url)
        let kept = cut < 4 && cut > 0 ? whole.count - cut : cut
        try whole.prefix(kept).write(to: url)
        #expect(try !refusal(FileError.self).isEmpty)
    }

    @Test("a file that is not there is refused")
    func notFound() throws {
        #expect(try !refusal(FileError.self).isEmpty)
    }

    @Test("reads the part of a larger file that has a prefix")
    func prefix() throws {
        let old = try Pair(seed: 2)
        var writer = SafetensorsWriter(metadata: [:])
        writer.add("step", try Tensor.ones([1]))
        for entry in try old.state() { writer.add("weight.\(entry.name)", entry.part) }
        try writer.write(to: url)
        let new = try Pair(seed: 1)
        try Checkpoint.assign(SafetensorsFile(url), to: new.state(), prefix: "weight.")
        #expect(try new.values() == old.values())
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint.assign(SafetensorsFile(url), to: new.state(), prefix: "best.")
        }
        #expect(try #require(error).description.contains("'best.first.weight' is missing"))
    }
}
