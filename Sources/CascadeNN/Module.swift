// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// A layer or a model: a struct whose stored properties hold its parameters, buffers and inner modules.
///
/// Nothing is registered by hand. ``parameters()`` walks the stored properties in the order of their declaration; a
/// property's name is its key in a checkpoint. A bare `Tensor` is refused, so that no weight is ever left untrained or
/// unsaved by oversight.
public protocol Module {}

/// A module that cannot be walked.
public struct ModuleError: Error, CustomStringConvertible, Equatable {
    /// The path of the property, and what is wrong with it.
    public let description: String
}

/// Whether layers that behave differently while training (dropout, noise) should.
public enum Mode: Sendable {
    case training, inference
}

/// A part of a module under its checkpoint key, for example `blocks.0.norm.weight`.
public struct Named<Part> {
    /// Dotted path of property names and array positions.
    public let name: String
    /// What is there.
    public let part: Part

    /// Names a part.
    public init(name: String, part: Part) { (self.name, self.part) = (name, part) }
}

extension Module {
    /// All parameters in declaration order; one that is shared by several layers appears once, under its first name.
    ///
    /// - Throws: ``ModuleError`` when a property is a bare tensor, a dictionary or an unknown class.
    public func parameters() throws(ModuleError) -> [Named<Parameter>] {
        try walk().compactMap { leaf in
            if case .parameter(let parameter) = leaf.part { Named(name: leaf.name, part: parameter) } else { nil }
        }
    }

    /// All buffers in declaration order.
    ///
    /// - Throws: ``ModuleError`` as ``parameters()``.
    public func buffers() throws(ModuleError) -> [Named<Buffer>] {
        try walk().compactMap { leaf in
            if case .buffer(let buffer) = leaf.part { Named(name: leaf.name, part: buffer) } else { nil }
        }
    }

    /// Everything that a checkpoint holds: parameters and buffers under their names.
    ///
    /// - Throws: ``ModuleError`` as ``parameters()``.
    public func state() throws(ModuleError) -> [Named<Tensor>] {
        try walk().map { leaf in
            switch leaf.part {
            case .parameter(let parameter): Named(name: leaf.name, part: parameter.value)
            case .buffer(let buffer): Named(name: leaf.name, part: buffer.value)
            }
        }
    }

    private func walk() throws(ModuleError) -> [Named<Leaf>] {
        var walker = Walker()
        try walker.visit(self, "")
        return walker.found
    }
}

private enum Leaf {
    case parameter(Parameter)
    case buffer(Buffer)
}

private struct Walker {
    var found: [Named<Leaf>] = []
    private var seen: Set<ObjectIdentifier> = []

    mutating func visit(_ value: Any, _ path: String) throws(ModuleError) {
        if let parameter = value as? Parameter {
            if seen.insert(ObjectIdentifier(parameter)).inserted {
                found.append(Named(name: path, part: .parameter(parameter)))
            }
            return
        }
        if let buffer = value as? Buffer {
            if seen.insert(ObjectIdentifier(buffer)).inserted { found.append(Named(name: path, part: .buffer(buffer))) }
            return
        }
        if value is Tensor {
            throw ModuleError(description: "\(path): a bare Tensor; make it a Parameter (trained) or a Buffer (saved)")
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .dictionary, .set:
            guard mirror.children.isEmpty else {
                throw ModuleError(description: "\(path): dictionaries and sets have no stable order; use an array")
            }
        case .class:
            throw ModuleError(
                description: "\(path): a class (\(type(of: value))); use a struct, a Parameter or a Buffer"
            )
        case .collection:
            for (index, child) in mirror.children.enumerated() { try visit(child.value, join(path, "\(index)")) }
        case .optional:
            for child in mirror.children { try visit(child.value, path) }
        default:
            for child in mirror.children { try visit(child.value, join(path, child.label ?? "?")) }
        }
    }

    private func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
