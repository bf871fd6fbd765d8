// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeStore
import Foundation

struct RestoreStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Replaces a store with a backup.",
        discussion: """
            Stop the service first: an open store is refused. The backup is verified and replaces the store atomically, with \
            its '-wal' and '-shm' files. Users erased since the backup are erased from it, too.
            """
    )

    @Argument(help: "Backup made by 'cascade store backup'.") var backup: String
    @Option(name: .customLong("to"), help: "Store file; replaced if it exists.") var target: String

    func run() async throws {
        let report = try await SQLiteStore.restore(URL(filePath: backup), to: URL(filePath: target))
        for warning in report.warnings { Terminal.error("warning: \(warning)") }
        let erased = report.erasedRows > 0 ? "; erased \(report.erasedRows) rows of users erased since the backup" : ""
        Terminal.out("\(target): restored \(report.events) events\(erased)")
    }
}
