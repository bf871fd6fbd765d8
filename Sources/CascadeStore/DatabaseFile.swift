// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
internal import GRDBSQLite

/// The main file of a database, page by page, through the handle that SQLite itself holds.
///
/// A handle of our own would not do: closing it would take SQLite's locks along. Valid while its connection holds the write
/// lock and the log is empty: then the file is the database, and nobody else changes it.
struct DatabaseFile {
    private let handle: UnsafeMutablePointer<sqlite3_file>
    /// The size of a page, in bytes.
    let pageSize: Int
    /// How much of a page SQLite uses, in bytes.
    let usableSize: Int
    /// How many pages there are; they are numbered from 1.
    let pageCount: UInt32
    /// The first page of the list of free pages; 0 when none is free.
    let firstFree: UInt32

    /// Finds the file of a connection.
    init(_ database: Database) throws {
        var found: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(database.sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &found)
        guard code == SQLITE_OK, let found else { throw DatabaseError(resultCode: .SQLITE_CANTOPEN) }
        handle = found
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 8)
        defer { header.deallocate() }
        try Self.read(found, into: header, at: 0)
        let size = header.bigEndian16(at: 16)
        pageSize = size == 1 ? 65_536 : size
        usableSize = pageSize - Int(header[20])
        pageCount = header.bigEndian32(at: 28)
        firstFree = header.bigEndian32(at: 32)
        guard pageSize >= 512, usableSize >= 480 else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
    }

    /// Reads a page.
    ///
    /// - Throws: `SQLITE_CORRUPT` when there is no such page.
    func read(_ page: UInt32, into buffer: UnsafeMutableRawBufferPointer) throws {
        guard (1...pageCount).contains(page) else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        try Self.read(handle, into: buffer, at: Int64(page - 1) * Int64(pageSize))
    }

    /// Overwrites a part of a page with zeros, in the file and in the buffer that holds the page, unless it is zero already.
    func clear(_ range: Range<Int>, of page: UInt32, in buffer: UnsafeMutableRawBufferPointer) throws {
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
        guard let start = part.baseAddress, !part.isZero else { return }
        memset(start, 0, part.count)
        let place = Int64(page - 1) * Int64(pageSize) + Int64(range.lowerBound)
        let code = handle.pointee.pMethods.pointee.xWrite(handle, start, Int32(part.count), place)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    /// Returns when the disk has what was written.
    func synchronize() throws {
        let code = handle.pointee.pMethods.pointee.xSync(handle, SQLITE_SYNC_FULL)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    private static func read(
        _ handle: UnsafeMutablePointer<sqlite3_file>,
        into buffer: UnsafeMutableRawBufferPointer,
        at place: Int64
    ) throws {
        let code = handle.pointee.pMethods.pointee.xRead(handle, buffer.baseAddress, Int32(buffer.count), place)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// A number of two bytes, the higher first.
    func bigEndian16(at place: Int) -> Int { Int(self[place]) << 8 | Int(self[place + 1]) }

    /// A number of four bytes, the highest first.
    func bigEndian32(at place: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    /// Whether all bytes are zero; true of none.
    fileprivate var isZero: Bool {
        guard let start = baseAddress, count > 0 else { return true }
        return self[0] == 0 && memcmp(start, start + 1, count - 1) == 0
    }
}
