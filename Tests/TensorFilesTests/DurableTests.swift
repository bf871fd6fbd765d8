// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Durable files and folders")
struct DurableTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("text and data replace what was there, and nothing else is left")
    func replaces() throws {
        let url = folder.file("a.txt")
        try DurableFile.write("first, longer", to: url)
        try DurableFile.write("zweite: ü", to: url)
        #expect(try String(contentsOf: url, encoding: .utf8) == "zweite: ü")
        try DurableFile.write(Data([0, 255]), to: url)
        #expect(try Data(contentsOf: url) == Data([0, 255]))
        try DurableFile.write("", to: url)
        #expect(try Data(contentsOf: url).isEmpty)
        #expect(try MappedFile(url).count == 0)
        #expect(try folder.names() == ["a.txt"])
    }

    @Test("a missing folder, a file in the path and a folder of that name are explained")
    func refusals() throws {
        let missing = #expect(throws: FileError.self) { try DurableFile.write("x", to: folder.file("no/file")) }
        #expect(missing?.reason == .writeFailed && missing?.description.contains("No such file") == true)
        let file = try folder.file("file", holding: [])
        let below = #expect(throws: FileError.self) { try DurableFile.write("x", to: file.appendingPathComponent("y")) }
        #expect(below?.description.contains("not a folder") == true)
        try FileManager.default.createDirectory(at: folder.file("taken"), withIntermediateDirectories: false)
        let taken = #expect(throws: FileError.self) { try DurableFile.write("x", to: folder.file("taken")) }
        #expect(taken?.reason == .writeFailed)
        #expect(try folder.names() == ["file", "taken"])
    }

    #if os(Linux)
        @Test("a refusal of the disk in the middle is a sentence, and the old file stays")
        func refusedByTheDisk() async {
            // A limit on the size of files stands in for a full disk; it holds for a whole process, hence a child.
            await #expect(processExitsWith: .success) {
                let folder = try TemporaryFolder()
                let url = try folder.file("x", holding: [1])
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: 10_000, rlim_max: 10_000)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                let error = #expect(throws: FileError.self) { try DurableFile.write(Data(count: 20_000), to: url) }
                #expect(error?.reason == .writeFailed && error?.description.contains("ulimit -f") == true)
                #expect(try Data(contentsOf: url) == Data([1]))
                #expect(try folder.names() == ["x"])
            }
        }
    #endif

    @Test("a file left by a killed process is passed over")
    func leftovers() throws {
        _ = try folder.file(".cascade-\(ProcessInfo.processInfo.processIdentifier)-0.tmp", holding: [9])
        try DurableFile.write("x", to: folder.file("a"))
        #expect(try folder.names().count == 2)
        #expect(try String(contentsOf: folder.file("a"), encoding: .utf8) == "x")
    }

    @Test("many threads can write into one folder at once")
    func concurrent() async throws {
        let folder = folder.url
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<50 {
                group.addTask { try DurableFile.write("\(index)", to: folder.appendingPathComponent("\(index % 5)")) }
            }
            try await group.waitForAll()
        }
        #expect(try self.folder.names() == ["0", "1", "2", "3", "4"])
    }

    @Test("a folder appears complete")
    func directory() throws {
        let url = folder.file("data")
        try DurableDirectory.create(at: url) { temporary in
            #expect(!FileManager.default.fileExists(atPath: url.path))
            try DurableFile.write("1", to: temporary.appendingPathComponent("one"))
            let inner = temporary.appendingPathComponent("inner")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
            try DurableFile.write("2", to: inner.appendingPathComponent("two"))
        }
        #expect(try String(contentsOf: url.appendingPathComponent("inner/two"), encoding: .utf8) == "2")
        #expect(try folder.names() == ["data"])
    }

    @Test("a path with a closing slash is the same folder")
    func closingSlash() throws {
        let url = URL(fileURLWithPath: folder.file("data").path, isDirectory: true)
        try DurableDirectory.create(at: url) { try DurableFile.write("1", to: $0.appendingPathComponent("one")) }
        #expect(try folder.names() == ["data"])
    }

    @Test("an error in the middle leaves nothing")
    func failingBody() throws {
        struct Unlucky: Error {}
        #expect(throws: Unlucky.self) {
            try DurableDirectory.create(at: folder.file("data")) { temporary in
                try DurableFile.write("1", to: temporary.appendingPathComponent("one"))
                throw Unlucky()
            }
        }
        #expect(try folder.names().isEmpty)
    }

    @Test("an existing folder is refused before any work, even when empty")
    func existing() throws {
        let url = folder.file("data")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        var ran = false
        let error = #expect(throws: FileError.self) { try DurableDirectory.create(at: url) { _ in ran = true } }
        #expect(error?.reason == .writeFailed && error?.description.contains("exists already") == true)
        #expect(!ran)
    }
}

@Suite("Appended files")
struct AppendedFileTests {
    @Test("bytes are in the file at once, and a file that is opened again goes on")
    func grows() throws {
        let folder = try TemporaryFolder()
        let url = folder.file("log")
        let file = try AppendedFile(url)
        #expect(try Data(contentsOf: url).isEmpty)
        try file.append([1, 2])
        try file.append([])
        #expect(try Data(contentsOf: url) == Data([1, 2]))
        try AppendedFile(url).append([3])
        try file.append([4])
        #expect(try Data(contentsOf: url) == Data([1, 2, 3, 4]))
        #expect(throws: FileError.self) { try AppendedFile(folder.file("absent/log")) }
    }
}
