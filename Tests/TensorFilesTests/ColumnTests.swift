// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Column")
struct ColumnTests {
    @Test("behaves like the array it was made from")
    func array() {
        let column = Column<Int32>([3, 1, 2])
        #expect(column.count == 3 && column[1] == 1 && column.last == 2)
        #expect(Array(column) == [3, 1, 2])
        #expect(Array(column[1..<3]) == [1, 2])
        #expect(column.sorted() == [1, 2, 3])
        #expect(column.withUnsafeBufferPointer { $0.reduce(0, +) } == 6)
        #expect(column[1...].withContiguousStorageIfAvailable { $0.count } == 2)
        #expect(Column<Double>([]).isEmpty)
    }

    @Test("keeps the mapping alive after the file object is gone, even when the file is deleted")
    func lifetime() throws {
        let column: Column<Int64>
        do {
            let folder = try TemporaryFolder()
            let url = folder.file("x.safetensors")
            var writer = SafetensorsWriter()
            writer.add("x", shape: [10_000], (0..<10_000).map(Int64.init))
            try writer.write(to: url)
            column = try SafetensorsFile(url).column("x", as: Int64.self)
        }
        #expect(column.reduce(0, +) == 9_999 * 5_000)
    }

    @Test("an unaligned tensor of a foreign file is read correctly", arguments: 0..<8)
    func unaligned(_ padding: Int) throws {
        let folder = try TemporaryFolder()
        let header =
            #"{"x":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"# + String(repeating: " ", count: padding)
        var bytes = [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8)
        for value: Int64 in [-5, 1 << 40] { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
        let file = try SafetensorsFile(folder.file("x", holding: bytes))
        #expect(Array(try file.column("x", as: Int64.self)) == [-5, 1 << 40])
        #expect(try file.array("x", as: Int64.self) == [-5, 1 << 40])
    }

    @Test("an index outside is stopped")
    func bounds() async {
        await #expect(processExitsWith: .failure) { _ = Column<Int32>([1])[1] }
        await #expect(processExitsWith: .failure) { _ = Column<Int32>([1])[-1] }
    }
}
