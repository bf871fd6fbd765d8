// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("What the command prints, and where")
struct OutputTests {
    /// Runs a line of the shell, in which `$CASCADE` is the program.
    private func shell(_ line: String) async throws -> RunningProcess.Outcome {
        let program = try cascadeProgram().path
        return try await RunningProcess.start(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", "CASCADE='\(program)'; \(line)"]
        ).outcome()
    }

    @Test(
        "a result that cannot be printed is a failure, in every command",
        arguments: [
            "models", "models sasrec", "doctor", "data simulate --simulator drift --to $DIR/new", "--help", "--version",
        ]
    )
    func lostOutput(_ command: String) async throws {
        let folder = try TemporaryFolder()
        let outcome = try await shell("DIR='\(folder.url.path)'; $CASCADE \(command) >/dev/full")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("error: standard output: No space left on device."))
    }

    @Test("what a command has made stays when its result cannot be printed; a closed standard error is nothing")
    func keptWork() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        let arguments = Small.settings("sasrec", "epochs=1").joined(separator: " ")
        let line = "$CASCADE train \(arguments) --data '\(data)' --to '\(folder.path("run"))'"
        #expect(try await shell("\(line) >/dev/full 2>/dev/full").status == 1)
        #expect(try await shell("$CASCADE evaluate '\(folder.path("run"))' --json").document()["model"] != nil)
    }

    @Test("the version is printed")
    func version() async throws {
        let output = try await cascade(["--version"]).output
        #expect(output.wholeMatch(of: /cascade \d+\.\d+\.\d+\n/) != nil, "\(output)")
    }

    @Test(
        "a subcommand that is not known is refused with the nearest one",
        arguments: [(["trian"], "'train'"), (["data", "improt", "x"], "'import'"), (["bench", "idnex"], "'index'")]
    )
    func unknownSubcommand(_ words: [String], _ nearest: String) async throws {
        let errors = try await cascade(words, status: 64).errors
        #expect(errors.contains("Unknown subcommand '") && errors.contains("Did you mean \(nearest)?"), "\(errors)")
    }

    @Test("an id may begin with a dash")
    func dashes() async throws {
        let folder = try TemporaryFolder()
        let rows = (0..<40).map { "-\($0 % 8),--\($0 % 5 + $0 / 8),\($0)" }
        let file = try folder.write("user_id,item_id,timestamp\n" + rows.joined(separator: "\n") + "\n", to: "log.csv")
        let keepAll = ["--min-user-events", "1", "--min-item-events", "1"]
        try await cascade(["data", "import", "--from", "csv", file, "--to", folder.path("data")] + keepAll)
        try await Small.train("popularity", on: folder.path("data"), to: folder.path("run"))
        let page = try await cascade(["recommend", folder.path("run"), "--user", "-5", "--json"]).document()
        #expect(page["user"] as? String == "-5")
    }

    @Test(
        "a target that exists is noticed before anything is read",
        arguments: [
            ["export", "no-run", "--to"], ["distill", "no-run", "--steps", "1", "--to"],
            ["index", "build", "no-run", "--to"], ["data", "simulate", "--simulator", "drift", "--to"],
        ]
    )
    func existingTarget(_ words: [String]) async throws {
        let folder = try TemporaryFolder()
        let errors = try await cascade(words + [folder.url.path], status: 1).errors
        #expect(errors.contains("\(folder.url.path): something exists there and is not overwritten"))
    }

    @Test("the line of progress is never wider than the terminal")
    func progress() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld(users: 400)
        let script = """
            import fcntl, os, pty, struct, sys, termios
            process, terminal = pty.fork()
            if process == 0:
                fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
                os.execv(sys.argv[1], sys.argv[1:])
            printed = b""
            try:
                while chunk := os.read(terminal, 65536):
                    printed += chunk
            except OSError:
                pass
            lines = [line for line in printed.decode().replace("\\n", "\\r").split("\\r") if "░" in line]
            print(len(lines), max(len(line) - len("\\x1b[2K") for line in lines))
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
            """
        let arguments = Small.settings("sasrec", "epochs=3") + ["--data", data, "--to", folder.path("run")]
        let outcome = try await RunningProcess.start(
            URL(fileURLWithPath: "/usr/bin/env"),
            ["python3", "-c", script, cascadeProgram().path, "train"] + arguments
        ).outcome()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let numbers = outcome.output.split { $0.isWhitespace }.compactMap { Int($0) }
        #expect(numbers.count == 2 && numbers[0] > 0 && numbers[1] == 39, "\(outcome.output)")
    }
}
