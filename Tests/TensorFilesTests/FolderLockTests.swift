// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Folder lock")
struct FolderLockTests {
    let folder: TemporaryFolder
    var file: URL { folder.file(".lock") }

    init() throws { folder = try TemporaryFolder() }

    private func take(waiting: Bool = false) throws(FileError) -> FolderLock {
        try FolderLock(file, of: folder.url, for: "works here", waiting: waiting)
    }

    @Test("refuses a second holder, naming the first, until it is released")
    func refusal() throws {
        let first = try take()
        let error = try #require(#expect(throws: FileError.self) { try take() })
        #expect(error.reason == .locked && error.path == folder.url.path)
        let process = "another process (pid \(ProcessInfo.processInfo.processIdentifier)) works here"
        #expect(error.description.contains(process) && error.description.contains("choose another"))
        first.release()
        #expect(!FileManager.default.fileExists(atPath: file.path))
        try take().release()
    }

    @Test("is given back when its holder is gone")
    func scope() throws {
        do {
            let lock = try take()
            withExtendedLifetime(lock) {}
        }
        try take().release()
    }

    @Test("what a dead process left locks nobody out")
    func stale() throws {
        try Data("999999\n".utf8).write(to: file)
        let lock = try take()
        #expect(try String(contentsOf: file, encoding: .utf8) == "\(ProcessInfo.processInfo.processIdentifier)\n")
        lock.release()
    }

    @Test("whoever waits gets it after the release, one at a time")
    func waiting() throws {
        let (folder, file) = (folder.url, file)
        let log = folder.appendingPathComponent("log")
        try Data().write(to: log)
        let lock = try take()
        let group = DispatchGroup()
        for _ in 0..<4 {
            DispatchQueue.global().async(group: group) {
                guard let mine = try? FolderLock(file, of: folder, for: "works here", waiting: true) else { return }
                // Without the lock some of these would be lost.
                let before = (try? Data(contentsOf: log)) ?? Data()
                usleep(1_000)
                try? (before + Data([1])).write(to: log)
                mine.release()
            }
        }
        lock.release()
        group.wait()
        #expect(try Data(contentsOf: log).count == 4)
    }

    @Test("says why it cannot be made")
    func missingFolder() throws {
        let error = try #require(
            #expect(throws: FileError.self) {
                try FolderLock(folder.file("no/such/.lock"), of: folder.url, for: "works here")
            }
        )
        #expect(error.reason == .writeFailed && error.description.contains("cannot make this lock"))
    }
}
