// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeTensorFiles
import Foundation
import Logging
import Testing

@testable import CascadeServer

@Suite("Logs")
struct LogTests {
    private func line(_ format: LogFormat, _ write: (Logger) -> Void) -> String {
        let lines = Lines()
        var settings = LogSettings()
        settings.format = format
        write(Logger(label: "test") { LineLogHandler(label: $0, settings: settings, write: lines.add) })
        return lines.all.joined()
    }

    @Test("A JSON line can be read back, whatever is in it")
    func json() throws {
        let nasty = "a\"b\\c\nd\u{0}\u{2028}\u{7F}ü"
        let text = line(.json) {
            $0.warning(
                "\(nasty)",
                metadata: ["level": "mine", "count": .stringConvertible(3), "list": ["x", .stringConvertible(1.5)]]
            )
        }
        #expect(text.hasSuffix("}\n") && text.count { $0.isNewline } == 1)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        #expect(value["message"] == .string(nasty))
        #expect(value["level"] == .string("warning"))
        #expect(value["level_"] == .string("mine"))
        #expect(value["count"] == .integer(3))
        #expect(value["list"] == .array([.string("x"), .number(1.5)]))
        #expect(value["time"].text?.hasSuffix("Z") == true)
    }

    @Test("A line of words is one line")
    func words() {
        let text = line(.text) { $0.info("one\ntwo", metadata: ["key": "a\r\nb"]) }
        #expect(text.hasSuffix(" info one\\ntwo key=a\\r\\nb\n"))
    }

    @Test("No mark that a terminal obeys is in a line, in either format", arguments: [LogFormat.json, .text])
    func marks(_ format: LogFormat) {
        let text = line(format) {
            $0.info(
                "a\u{1B}[2J\u{202E}b",
                metadata: ["k\u{9B}": "c\u{2066}\u{200F}d\u{FEFF}", "n": ["x\u{7}": "y\u{8}"]]
            )
        }
        #expect(text.dropLast().unicodeScalars.allSatisfy { $0.isPrintable }, "\(text)")
        #expect(text.contains("a\\u001b[2J\\u202eb"))
    }

    @Test("A pipe that nobody reads holds nobody up; what was lost is said when it is read again")
    func unreadPipe() async throws {
        let pipe = Pipe()
        let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor, capacity: 4_096)
        let line = String(repeating: "x", count: 99) + "\n"
        var count = 0
        func write(_ lines: Int) {
            for _ in 0..<lines { output.write(line) { "lost \($0)\n" } }
            count += lines
        }
        // A pipe holds 64 KiB. When it is full, some lines wait, and further ones are lost.
        repeat { write(40) } while output.flush(seconds: 1)
        write(100)
        let lost = output.droppedLines
        #expect(lost > 50)
        let source = pipe.fileHandleForReading.fileDescriptor
        let (texts, finished) = AsyncStream.makeStream(of: String.self)
        // Not a task: those of all tests share a thread or two, one of which waits here.
        Thread.detachNewThread {
            var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
            while case let count = read(source, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
            finished.yield(String(decoding: bytes, as: UTF8.self))
        }
        #expect(output.flush(seconds: 60))
        try pipe.fileHandleForWriting.close()
        let text = try #require(await texts.first { _ in true })
        withExtendedLifetime(pipe) {}
        #expect(text.matches(of: /lost (\d+)\n/).compactMap { Int($0.1) }.reduce(0, +) == lost)
        #expect(text.count { $0 == "x" } == (count - lost) * 99)
    }

    @Test("A log whose reader is gone costs its lines and nothing else")
    func brokenPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        try pipe.fileHandleForReading.close()
        output.write("one\ntwo\n") { "\($0)" }
        #expect(output.flush(seconds: 60))
        #expect(output.droppedLines == 2)
    }

    @Test("All loggers follow the level of their output, but for one that has its own")
    func commonLevel() {
        let lines = Lines()
        let output = LogOutput(descriptor: -1)
        var logger = Logger(label: "test") {
            LineLogHandler(label: $0, settings: LogSettings(), level: { output.level }, write: lines.add)
        }
        logger.debug("no")
        output.level = .debug
        logger.debug("yes")
        logger.logLevel = .error
        logger.debug("no")
        #expect(lines.all.count == 1)
    }

    @Test("What is below the level is not written")
    func level() { #expect(line(.json) { $0.debug("no") }.isEmpty) }
}
