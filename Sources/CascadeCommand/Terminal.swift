// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeTensorFiles
import Foundation
import Synchronization

/// Where text goes: results to standard output, everything about them to standard error.
///
/// No control character but the line feed and the tab reaches either of them. An id, a title or a query, which may hold a
/// line feed of its own, is printed as `printable`.
enum Terminal {
    /// Why standard output could not be written: an error number, 0 as long as it could.
    private static let failure = Atomic<Int32>(0)

    /// Whether results are a part of other work, and so go to standard error.
    @TaskLocal static var isPartOfWork = false

    /// Prints a result.
    ///
    /// The work goes on when it cannot be written, so that a model is not lost for a full disk; the command fails at its end,
    /// by ``requireOutput()``.
    static func out(_ text: String) {
        guard !isPartOfWork else { return error(text) }
        let number = write(text.printableLines + "\n", to: STDOUT_FILENO)
        if number != 0 { failure.store(number, ordering: .relaxed) }
    }

    /// Fails when a result could not be printed.
    ///
    /// - Throws: ``OutputError``.
    static func requireOutput() throws {
        let number = failure.load(ordering: .relaxed)
        if number != 0 { throw OutputError(number: number) }
    }

    /// Says which settings have other names now; nothing when none has.
    ///
    /// - Parameters:
    ///   - renamed: What was spelled otherwise.
    ///   - place: The file or the option where it was.
    static func notice(_ renamed: [Renaming], in place: String) {
        guard !renamed.isEmpty else { return }
        let names = renamed.map(\.description).joined(separator: "; ")
        error("notice: \(place): settings have new names; the former ones still work: \(names)")
    }

    /// Prints about the work.
    static func error(_ text: String) { write(text.printableLines + "\n", to: STDERR_FILENO) }

    /// Whether standard error is a terminal, and can show a line that changes.
    static let isInteractive = isatty(FileHandle.standardError.fileDescriptor) != 0

    /// Replaces the last line; what is wider than the terminal is cut.
    static func status(_ text: String) {
        write("\r\u{1B}[2K" + text.printable.prefix(max(columns - 1, 1)), to: STDERR_FILENO)
    }

    /// The characters in a line of the terminal; 80 when it does not say.
    private static var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Writes all of a text; returns the number of the error, 0 without one.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { return errno }
            rest = rest.dropFirst(max(count, 0))
        }
        return 0
    }

    /// A table with aligned columns: text to the left, numbers to the right.
    static func table(_ rows: [[String]]) -> String {
        let rows = rows.map { $0.map(\.printable) }
        guard let width = rows.first?.count else { return "" }
        let sizes = (0..<width).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, sizes).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// A result was lost, because standard output could not be written.
struct OutputError: Error, CustomStringConvertible {
    let number: Int32

    var description: String {
        "standard output: \(String(cString: strerror(number))). What was printed is not complete; the files are. Make room, then "
            + "run the command again."
    }
}

/// Remembers Ctrl-C, so that a long command can end in order.
///
/// A second Ctrl-C ends it at once.
enum Interruption {
    private static let requested = Atomic<Bool>(false)
    /// Who started this process for a piece of its own work; nil when a person did.
    private static let starter = ProcessInfo.processInfo.environment[ChildProcess.parentKey].flatMap { pid_t($0) }

    /// Whether somebody asked this process to stop, or nobody is left who wants what it does.
    static var isRequested: Bool {
        requested.load(ordering: .relaxed) || starter.map { $0 != getppid() } ?? false
    }

    static func watch() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] {
            sigaddset(&signals, number)
            signal(number) { number in
                Interruption.requested.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
        // Some programs start others with all signals blocked.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
