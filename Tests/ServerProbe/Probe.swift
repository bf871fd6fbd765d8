// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeServer
import CascadeStore
import Foundation
import Logging
import ServerTestSupport
import TestSupport

/// A server over a fake service, for the tests of the console, for fuzzing and for load.
///
///     ServerProbe [--port 0] [--people 200] [--movies FOLDER] [--token-role ROLE]... [--quiet]
///                 [--certificate FILE --key FILE]
///
/// Prints `listening on PORT` and, for each role asked for, `token ROLE TEXT`.
@main
enum Probe {
    static func main() async throws {
        var configuration = ServerConfiguration()
        configuration.port = 0
        configuration.rate.requestsPerSecond = 0
        configuration.logs.format = .text
        configuration.simulatedTime = true
        var people = 200
        var movies = Repository.root.appendingPathComponent("../shared/data/ml-1m")
        var words = CommandLine.arguments.dropFirst()
        while let word = words.popFirst() {
            switch word {
            case "--port": configuration.port = words.popFirst().flatMap(Int.init) ?? 0
            case "--people": people = words.popFirst().flatMap(Int.init) ?? people
            case "--movies": movies = URL(fileURLWithPath: words.popFirst() ?? "")
            case "--certificate": configuration.tls.certificate = words.popFirst() ?? ""
            case "--key": configuration.tls.key = words.popFirst() ?? ""
            case "--quiet": configuration.logs.level = .error
            case "--token-role":
                guard let role = words.popFirst().flatMap(Role.init) else { return usage(word) }
                let token = AccessToken()
                configuration.tokens.append(CallerSettings(name: role.rawValue, role: role, sha256: token.sha256))
                print("token \(role.rawValue) \(token.text)")
            default: return usage(word)
            }
        }
        let items = FakeCatalog.movieLens(movies) ?? FakeCatalog.invented()
        let server = try HTTPService(
            FakeService(items: items, people: people),
            configuration: configuration,
            onRunning: { port in
                print("listening on \(port)")
                fflush(nil)
            },
            onShutdown: { print("stopped in good order") }
        )
        try await server.runUntilSignalled()
    }

    private static func usage(_ word: String) {
        print("ServerProbe: '\(word)' is not understood; see Tests/ServerProbe/Probe.swift")
    }
}
