// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
public import Logging

/// Writes each message as one line: a JSON object, or words for a terminal.
struct LineLogHandler: LogHandler {
    private let label: String
    private let format: LogFormat
    private let common: @Sendable () -> Logger.Level
    private let write: @Sendable (String) -> Void
    private var own: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    /// The level that was set on this logger, or else what all loggers have.
    var logLevel: Logger.Level {
        get { own ?? common() }
        set { own = newValue }
    }

    /// Writes lines, each with its line break, to wherever `write` brings them.
    ///
    /// - Parameter level: The level that all loggers have at the moment; that of the settings when there is none.
    init(
        label: String,
        settings: LogSettings,
        level: (@Sendable () -> Logger.Level)? = nil,
        write: @escaping @Sendable (String) -> Void
    ) {
        (self.label, format, self.write) = (label, settings.format, write)
        let fixed = settings.level
        common = level ?? { fixed }
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
        write(line(event.level, "\(event.message)", fields))
    }

    /// A line as the format has it.
    func line(_ level: Logger.Level, _ message: String, _ fields: Logger.Metadata) -> String {
        let time = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        return switch format {
        case .json: json(level, message, fields, time)
        case .text: text(level, message, fields, time)
        }
    }

    private func json(_ level: Logger.Level, _ message: String, _ fields: Logger.Metadata, _ time: String) -> String {
        var parts = [
            "\"time\":\(quoted(time))", "\"level\":\(quoted(level.rawValue))", "\"logger\":\(quoted(label))",
            "\"message\":\(quoted(message))",
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

    private func text(_ level: Logger.Level, _ message: String, _ fields: Logger.Metadata, _ time: String) -> String {
        let parts = fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return (["\(time) \(level.rawValue) \(message)"] + parts).joined(separator: " ").printable + "\n"
    }

    /// A JSON string.
    private func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return "\"\(escaped.printable)\""
    }
}

extension LogSettings {
    /// A logger that writes to standard error, and whose level is ``LogOutput/level`` of that output.
    public func logger(_ label: String = "cascade") -> Logger {
        let output = LogOutput.standardError
        output.level = level
        let remarks = LineLogHandler(label: label, settings: self) { _ in }
        return Logger(label: label) { label in
            LineLogHandler(label: label, settings: self, level: { output.level }) { line in
                output.write(line) { count in
                    remarks.line(.warning, "lines of the log were dropped", ["lines": .stringConvertible(count)])
                }
            }
        }
    }
}
