// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// Many short texts in one block of memory, laid out as they are in a file: each ends with a line feed.
struct TextLines: Sendable {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []  // position of each line feed

    var count: Int { ends.count }

    init() {}

    /// Reads a file with one text a line; the last line ends with a line feed too.
    init(_ url: URL) throws {
        let file = try MappedFile(url, loading: .copied)
        bytes = file.withUnsafeBytes { [UInt8]($0) }
        bytes.withUnsafeBufferPointer { bytes in
            for position in bytes.indices where bytes[position] == .lineFeed { ends.append(position) }
        }
        guard bytes.last ?? .lineFeed == .lineFeed else {
            throw DatasetError(.corrupt, "\(url.path): the last line is cut off. Import the data again.")
        }
    }

    subscript(index: Int) -> String { String(decoding: bytes[range(index)], as: UTF8.self) }

    func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1] + 1)..<ends[index] }

    mutating func append(_ text: some Sequence<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
        bytes.append(.lineFeed)
    }

    /// The lines of the given numbers, in that order.
    func selecting(_ indices: some Sequence<Int32>) -> TextLines {
        var selected = TextLines()
        for index in indices { selected.append(bytes[range(Int(index))]) }
        return selected
    }

    func write(to url: URL) throws {
        try DurableFile.write(to: url) { write in try bytes.withUnsafeBytes(write) }
    }
}

extension UInt8 {
    package static let lineFeed = UInt8(ascii: "\n")
    package static let carriageReturn = UInt8(ascii: "\r")
}

extension String {
    /// The text with every line feed and carriage return turned into a space.
    package var withoutLineBreaks: String {
        guard utf8.contains(where: \.isLineBreak) else { return self }
        return String(decoding: utf8.map { $0.isLineBreak ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }
}

extension UInt8 {
    var isLineBreak: Bool { self == .lineFeed || self == .carriageReturn }
}
