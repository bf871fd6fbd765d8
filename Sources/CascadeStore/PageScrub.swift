// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB

/// Clears the parts of a file's pages that hold no rows, in pieces.
///
/// SQLite clears the rows that it removes, but leaves copies in the gap between a page's list of cells and the cells, when it
/// moves rows to other pages. The format of pages is part of SQLite's promise (sqlite.org/fileformat2.html, sections 1.5 and 1.6).
/// A page that is done stays done: rows move from page to page, gaps do not, and a page that becomes free is cleared.
struct PageScrub {
    /// The leaves and free pages that are done.
    private var done: Set<UInt32> = []

    /// Clears at most so many leaves and free pages more, and everything above them.
    ///
    /// - Parameter roots: The first pages of all tables and indexes.
    /// - Returns: Whether all pages are done.
    mutating func advance(_ file: DatabaseFile, roots: [UInt32], pages limit: Int) throws -> Bool {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: file.pageSize, alignment: 8)
        defer { buffer.deallocate() }
        var left = limit
        for root in roots {
            let depth = try Self.depth(below: root, file, buffer)
            try advance(file, tree: root, depth: depth, &left, buffer)
            if left == 0 { return false }
        }
        try advance(file, free: file.firstFree, &left, buffer)
        return left > 0
    }

    /// Walks a tree, whose leaves all lie equally deep.
    private mutating func advance(
        _ file: DatabaseFile,
        tree root: UInt32,
        depth: Int,
        _ left: inout Int,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws {
        var waiting = [(page: root, depth: 0)]
        while left > 0, let (page, level) = waiting.popLast() {
            if level == depth, depth > 0, done.contains(page) { continue }
            let node = try Node(page, file, buffer)
            guard node.isLeaf == (level == depth) else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
            waiting += node.children.map { ($0, level + 1) }
            try node.clear(file)
            guard node.isLeaf else { continue }
            done.insert(page)
            left -= 1
        }
    }

    /// Walks the list of free pages.
    private mutating func advance(
        _ file: DatabaseFile,
        free first: UInt32,
        _ left: inout Int,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws {
        var trunk = first
        while trunk != 0, left > 0 {
            try file.read(trunk, into: buffer)
            let count = Int(buffer.bigEndian32(at: 4))
            guard 8 + 4 * count <= file.usableSize else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
            try file.clear(8 + 4 * count..<file.usableSize, of: trunk, in: buffer)
            let pages = (0..<count).map { buffer.bigEndian32(at: 8 + 4 * $0) }
            trunk = buffer.bigEndian32(at: 0)
            for page in pages where left > 0 && !done.contains(page) {
                try file.read(page, into: buffer)
                try file.clear(0..<file.pageSize, of: page, in: buffer)
                done.insert(page)
                left -= 1
            }
        }
    }

    /// How far below a root its leaves lie.
    private static func depth(
        below root: UInt32,
        _ file: DatabaseFile,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        var (page, depth) = (root, 0)
        while true {
            let node = try Node(page, file, buffer)
            guard let child = node.children.first, depth < 40 else { return depth }
            (page, depth) = (child, depth + 1)
        }
    }
}

/// A page of a tree.
private struct Node {
    let page: UInt32
    let isLeaf: Bool
    let children: [UInt32]
    private let buffer: UnsafeMutableRawBufferPointer
    /// The bytes between the list of cells and the first cell.
    private let gap: Range<Int>
    /// The first freed part within the cells; 0 when there is none.
    private let firstFree: Int

    /// Reads a page into a buffer, which the node uses from then on.
    init(_ page: UInt32, _ file: DatabaseFile, _ buffer: UnsafeMutableRawBufferPointer) throws {
        try file.read(page, into: buffer)
        self.page = page
        self.buffer = buffer
        let header = page == 1 ? 100 : 0
        guard [2, 5, 10, 13].contains(buffer[header]) else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        let isLeaf = buffer[header] >= 10
        let cells = header + (isLeaf ? 8 : 12)
        let count = buffer.bigEndian16(at: header + 3)
        let start = buffer.bigEndian16(at: header + 5)
        let content = start == 0 ? 65_536 : start
        guard cells + 2 * count <= content, content <= file.usableSize else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT)
        }
        self.isLeaf = isLeaf
        gap = cells + 2 * count..<content
        firstFree = buffer.bigEndian16(at: header + 1)
        children =
            try isLeaf
            ? []
            : (0..<count).map { number in
                let cell = buffer.bigEndian16(at: cells + 2 * number)
                guard cell + 4 <= file.usableSize else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
                return buffer.bigEndian32(at: cell)
            } + [buffer.bigEndian32(at: header + 8)]
    }

    /// Clears what holds no cell.
    func clear(_ file: DatabaseFile) throws {
        try file.clear(gap, of: page, in: buffer)
        var block = firstFree
        while block != 0 {
            guard block + 4 <= file.usableSize else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
            let (next, size) = (buffer.bigEndian16(at: block), buffer.bigEndian16(at: block + 2))
            // They lie in ascending order, so that a damaged list does not lead round and round.
            guard next == 0 || next > block, size >= 4, block + size <= file.usableSize else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT)
            }
            try file.clear(block + 4..<block + size, of: page, in: buffer)
            block = next
        }
    }
}
