// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeStore
import Foundation

struct RestoreStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup in the place of a store.",
        discussion: """
            Stop the service first: a store that is open is refused. The backup is checked, and the store is replaced in one \
            step, with the files '-wal' and '-shm' that belonged to it. People who were erased since the backup are erased \
            from it too.
            """
    )

    @Argument(help: "A backup made by 'cascade store backup'.") var backup: String
    @Option(name: .customLong("to"), help: "The store's file; replaced when there is one.") var target: String

    func run() async throws {
        let report = try await SQLiteStore.restore(URL(filePath: backup), to: URL(filePath: target))
        for warning in report.warnings { Terminal.error("warning: \(warning)") }
        let erased = report.erasedRows > 0 ? "; erased \(report.erasedRows) rows of people erased since the backup" : ""
        Terminal.out("\(target): restored \(report.events) events\(erased)")
    }
}
