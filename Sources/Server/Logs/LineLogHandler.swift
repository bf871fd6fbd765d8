// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
public import Logging

/// Writes each message as one line: a JSON object, or words for a terminal.
struct LineLogHandler: LogHandler {
    private let label: String
    private let format: LogFormat
    private let write: @Sendable (String) -> Void
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    /// Writes lines, each with its line break, to wherever `write` brings them.
    init(label: String, settings: LogSettings, write: @escaping @Sendable (String) -> Void) {
        (self.label, format, self.write) = (label, settings.format, write)
        logLevel = settings.level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let given = event.metadata { fields.merge(given) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        let time = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        switch format {
        case .json: write(json(event, fields, time))
        case .text: write(text(event, fields, time))
        }
    }

    private func json(_ event: LogEvent, _ fields: Logger.Metadata, _ time: String) -> String {
        var parts = [
            "\"time\":\(quoted(time))", "\"level\":\(quoted(event.level.rawValue))", "\"logger\":\(quoted(label))",
            "\"message\":\(quoted("\(event.message)"))",
        ]
        let taken: Set<String> = ["time", "level", "logger", "message"]
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            parts.append("\(quoted(taken.contains(key) ? "\(key)_" : key)):\(json(value))")
        }
        return "{\(parts.joined(separator: ","))}\n"
    }

    private func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let value as Int): "\(value)"
        case .stringConvertible(let value as Double) where value.isFinite: "\(value)"
        case .stringConvertible(let value): quoted("\(value)")
        case .array(let values): "[\(values.map(json).joined(separator: ","))]"
        case .dictionary(let fields):
            "{\(fields.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(json($0.value))" }.joined(separator: ","))}"
        }
    }

    private func text(_ event: LogEvent, _ fields: Logger.Metadata, _ time: String) -> String {
        let parts = fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let line = (["\(time) \(event.level.rawValue) \(event.message)"] + parts).joined(separator: " ")
        return line.map { $0.isNewline ? "\\n" : String($0) }.joined() + "\n"
    }

    /// A JSON string.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || (0x2028...0x2029).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension LogSettings {
    /// A logger that writes to standard error.
    public func logger(_ label: String = "cascade") -> Logger {
        Logger(label: label) { label in
            LineLogHandler(label: label, settings: self) { line in
                // A log that nobody reads any more must not stop the service.
                try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
            }
        }
    }
}
