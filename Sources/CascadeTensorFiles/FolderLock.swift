// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A lock that one process at a time holds, named by a file.
///
/// The operating system frees it when its holder dies, however that happens: a file that is left behind locks nobody
/// out. The file holds the number of the process, for messages, and is removed when the lock is released.
public final class FolderLock {
    private let file: URL
    private var descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - file: What names it, for example `.lock` in the folder that is worked in; made when it is missing.
    ///   - place: What it protects, for the message.
    ///   - action: What its holder does, for the message: "trains here".
    ///   - isPatient: Whether to wait for another holder instead of being refused.
    /// - Throws: ``FileError`` `.locked` when another process holds it; `.writeFailed` when the file cannot be made.
    public init(
        _ file: URL,
        of place: URL,
        for action: String,
        waiting isPatient: Bool = false
    ) throws(FileError) {
        self.file = file
        descriptor = -1
        while descriptor < 0 {
            switch try Self.attempt(file, isPatient) {
            case .taken(let taken): descriptor = taken
            case .held(let holder):
                let process = holder.map { "another process (pid \($0))" } ?? "another process"
                let advice = "Wait until it ends or stop it, or choose another --to."
                throw FileError(.locked, place, "\(process) \(action); expected to be the only one. \(advice)")
            case nil: continue
            }
        }
        let number = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        number.withUnsafeBytes { _ = pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { release() }

    /// Gives the lock back; once is enough.
    public func release() {
        guard descriptor >= 0 else { return }
        unlink(file.path)
        close(descriptor)
        descriptor = -1
    }

    /// The locked file, or who holds it; nil for neither, when the name went to another file meanwhile, as its last
    /// holder removed it.
    private static func attempt(_ file: URL, _ isPatient: Bool) throws(FileError) -> Attempt? {
        let descriptor = open(file.path, O_CREAT | O_RDWR | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .system("make this lock", file, errno, .writeFailed) }
        guard flock(descriptor, isPatient ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            defer { close(descriptor) }
            if code == EINTR { return nil }
            guard code == EWOULDBLOCK else { throw .system("take this lock", file, code, .writeFailed) }
            return .held(by: holder(descriptor))
        }
        var (mine, named) = (stat(), stat())
        guard fstat(descriptor, &mine) == 0, stat(file.path, &named) == 0, mine.st_ino == named.st_ino,
            mine.st_dev == named.st_dev
        else {
            close(descriptor)
            return nil
        }
        return .taken(descriptor)
    }

    private enum Attempt {
        case taken(Int32)
        case held(by: Int?)
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        return Int(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).filter(\.isNumber))
    }
}
