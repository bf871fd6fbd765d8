// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

private struct Branch: Module {
    let gain: Parameter
    let table: Buffer
    let factor = 3.0  // not a weight
}

private struct Tree: Module {
    let root: Parameter
    let branches: [Branch]
    let extra: Branch?
    let missing: Branch?
    let tied: Parameter
    let choice: Choice

    enum Choice: Module {
        case nothing
        case one(Branch)
    }
}

private struct Holder<Value>: Module {
    let first: Parameter
    let inner: Inner

    struct Inner: Module { let value: Value }
}

@Suite("Walking a module")
struct ModuleTests {
    private func weight(_ value: Double) throws -> Parameter { try Parameter(.full([1], value)) }
    private func branch(_ value: Double) throws -> Branch {
        Branch(gain: try weight(value), table: Buffer(try .full([1], -value)))
    }
    private func holder<Value>(_ value: Value) throws -> Holder<Value> {
        Holder(first: try weight(0), inner: .init(value: value))
    }

    @Test("names are the paths of properties, in the order of declaration")
    func names() throws {
        let root = try weight(1)
        let tree = Tree(
            root: root,
            branches: [try branch(2), try branch(3)],
            extra: try branch(4),
            missing: nil,
            tied: root,
            choice: .one(try branch(5))
        )
        #expect(
            try tree.parameters().map(\.name)
                == ["root", "branches.0.gain", "branches.1.gain", "extra.gain", "choice.one.gain"]
        )
        #expect(try tree.parameters().map { try $0.part.value.item() } == [1, 2, 3, 4, 5])
        #expect(
            try tree.buffers().map(\.name) == [
                "branches.0.table", "branches.1.table", "extra.table", "choice.one.table",
            ]
        )
        let state = try tree.state()
        #expect(state.map(\.name).prefix(4) == ["root", "branches.0.gain", "branches.0.table", "branches.1.gain"])
        #expect(try state.map { try $0.part.item() } == [1, 2, -2, 3, -3, 4, -4, 5, -5])
    }

    @Test("a tied weight and a tied buffer appear once, under the first name")
    func tied() throws {
        let shared = try branch(1)
        let tree = Tree(
            root: shared.gain,
            branches: [shared, shared],
            extra: nil,
            missing: nil,
            tied: shared.gain,
            choice: .nothing
        )
        #expect(try tree.parameters().map(\.name) == ["root"])
        #expect(try tree.state().map(\.name) == ["root", "branches.0.table"])
    }

    @Test("plain values hold nothing")
    func plain() throws {
        struct Settings: Module {
            let name = "text"
            let sizes = [1, 2]
            let nothing: [String: Int] = [:]
            let pair = (1, 2.0)
        }
        #expect(try Settings().state().isEmpty)
    }

    @Test("a bare tensor is refused with its path")
    func bareTensor() throws {
        let module = try holder(Tensor.ones([1]))
        let error = try #require(throws: ModuleError.self) { try module.parameters() }
        #expect(error.description.hasPrefix("inner.value: a bare Tensor"))
        #expect(throws: ModuleError.self) { try module.buffers() }
        #expect(throws: ModuleError.self) { try module.state() }
        let deep = try holder([try Tensor?.some(.ones([1]))])
        let second = try #require(throws: ModuleError.self) { try deep.parameters() }
        #expect(second.description.hasPrefix("inner.value.0: a bare Tensor"))
    }

    @Test("dictionaries, sets and unknown classes are refused with their path")
    func unordered() throws {
        final class Box { let weight: Parameter? = nil }
        let dictionary = try holder(["a": try weight(1)])
        let error = try #require(throws: ModuleError.self) { try dictionary.parameters() }
        #expect(error.description.hasPrefix("inner.value: dictionaries and sets have no stable order"))
        #expect(throws: ModuleError.self) { try holder(Set([1, 2])).parameters() }
        let boxed = try #require(throws: ModuleError.self) { try holder(Box()).parameters() }
        #expect(boxed.description.hasPrefix("inner.value: a class (Box)"))
        #expect(throws: ModuleError.self) { try holder(Generator(seed: 1)).parameters() }
        #expect(throws: ModuleError.self) { try holder([Box?.none, Box()]).parameters() }
        #expect(try holder(Box?.none).parameters().map(\.name) == ["first"])
    }

    @Test("a parameter is a leaf that is trained and shares no graph with what it was made of")
    func parameter() throws {
        let source = try Tensor.ones([2])
        try source.setRequiresGradient(true)
        let parameter = try Parameter(source * 2)
        #expect(parameter.value.requiresGradient && !parameter.isRowSparse)
        try parameter.value.sum().backward()
        #expect(try parameter.value.requiredGradient().floats() == [1, 1])
        #expect(try source.gradient() == nil)
        #expect(throws: TorchError.self) { try Parameter(.ones([1], .int64)) }
    }
}
