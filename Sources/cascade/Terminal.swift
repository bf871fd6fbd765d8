// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// Where text goes: results to standard output, everything about them to standard error.
enum Terminal {
    /// Prints a result.
    static func out(_ text: String) { print(text) }

    /// Prints about the work.
    static func error(_ text: String) { write(text + "\n") }

    /// Whether standard error is a terminal, and can show a line that changes.
    static let isInteractive = isatty(FileHandle.standardError.fileDescriptor) != 0

    /// Replaces the last line.
    static func status(_ text: String) { write("\r\u{1B}[2K" + text) }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    /// A table with aligned columns: text to the left, numbers to the right.
    static func table(_ rows: [[String]]) -> String {
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
