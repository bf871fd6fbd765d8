// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeServer

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes a token for callers of a service, and what its configuration needs to know of it."
    )

    @Option(help: "What the caller is called in the configuration.") var name = "caller"
    @Option(help: "What the caller may do: read, write, admin, or metrics alone.") var role = "read"

    func run() throws {
        guard let role = Role(rawValue: role) else {
            let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--role: found '\(role)', expected one of \(roles)")
        }
        let token = AccessToken()
        Terminal.error("For the caller, shown this once:")
        Terminal.out(token.text)
        Terminal.error("For the configuration, under server.tokens:")
        Terminal.error("  - {name: \(name), role: \(role.rawValue), sha256: \(token.sha256)}")
        Terminal.error("Or, as a line of the file that server.tokens_file names:")
        Terminal.error("  \(name) \(role.rawValue) \(token.sha256)")
    }
}
