// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeServer

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Creates an access token for a service, and its entry for the configuration."
    )

    @Option(help: "Name of the caller in the configuration.") var name = "caller"
    @Option(help: "Role of the caller: read, write, admin or metrics.") var role = "read"

    func run() throws {
        guard let role = Role(rawValue: role) else {
            let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--role: found '\(role)', expected one of \(roles)")
        }
        let token = AccessToken()
        Terminal.error("For the caller, shown only now:")
        Terminal.out(token.text)
        Terminal.error("For the configuration, under server.tokens:")
        Terminal.error("  - {name: \(name), role: \(role.rawValue), sha256: \(token.sha256)}")
        Terminal.error("Or, as a line of server.tokens_file:")
        Terminal.error("  \(name) \(role.rawValue) \(token.sha256)")
    }
}
