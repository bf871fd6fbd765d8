// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
import CascadeTraining
public import Foundation

/// Why a picture could not be drawn, and what to do.
public struct PlotError: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String
}

/// Draws figures with matplotlib, in a Python process of its own.
public struct PlotTool: Sendable {
    /// What `plot.py` exits with when matplotlib is missing.
    private static let isMissing: Int32 = 3
    let interpreters: [String]

    /// A tool that takes the first of these Python programs that has matplotlib.
    public init(interpreters: [String]) { self.interpreters = interpreters }

    /// Looks where Cascade's own scripts put Python: `CASCADE_PYTHON`, `.deps/venv` in the working directory, beside the
    /// program or above either, then `python3`.
    public static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        program: URL? = Bundle.main.executableURL
    ) -> PlotTool {
        let here = URL(filePath: FileManager.default.currentDirectoryPath)
        let starts = [here, program?.resolvingSymlinksInPath().deletingLastPathComponent()].compactMap { $0 }
        let private_ = starts.flatMap { start -> [String] in
            let parts = start.standardizedFileURL.pathComponents
            return (1...parts.count).reversed().map { count in
                NSString.path(withComponents: Array(parts.prefix(count)) + [".deps", "venv", "bin", "python3"])
            }
        }.filter { FileManager.default.isExecutableFile(atPath: $0) }
        let given = environment["CASCADE_PYTHON"].map { [$0] } ?? []
        return PlotTool(interpreters: given + private_ + ["python3"])
    }

    /// Draws a figure into `NAME.svg` and `NAME.png` in a folder that exists; older files are replaced.
    ///
    /// - Returns: The files' names.
    /// - Throws: ``PlotError`` when no Python has matplotlib, or drawing fails; ``FileError`` when the disk refuses.
    public func draw(_ figure: Figure, to folder: URL) throws -> [String] {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "cascade-plot-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let description = scratch.appending(path: "figure.json")
        let drawing = Drawing(title: figure.title, caption: figure.caption, panels: figure.panels)
        try DurableFile.write(JSONEncoder.readable.encode(drawing), to: description)
        let names = ["svg", "png"].map { "\(figure.name).\($0)" }
        let targets = names.map { scratch.appending(path: $0) }
        for interpreter in interpreters {
            let (status, errors) = try run(interpreter, description, targets)
            if status == Self.isMissing || status == 127 { continue }
            guard status == 0 else {
                throw PlotError(description: "\(interpreter): the picture could not be drawn: \(errors)")
            }
            for (name, target) in zip(names, targets) {
                try DurableFile.write(Data(contentsOf: target), to: folder.appending(path: name))
            }
            return names
        }
        throw PlotError(
            description: """
                no picture was drawn: none of \(interpreters.joined(separator: ", ")) has matplotlib. Run \
                `scripts/setup.sh --plots` in Cascade's folder, or `python3 -m pip install matplotlib`, then the same \
                command again; or pass --no-picture.
                """
        )
    }

    private struct Drawing: Encodable {
        let title, caption: String
        let panels: [Panel]
    }

    /// Runs the script; 127 when there is no such program.
    private func run(_ interpreter: String, _ input: URL, _ targets: [URL]) throws -> (status: Int32, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let script = String(decoding: PackageResources.plot_py, as: UTF8.self)
        process.arguments = [interpreter, "-c", script] + targets.map(\.path)
        let errors = input.deletingLastPathComponent().appending(path: "errors.txt")
        try Data().write(to: errors)
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        let said = String(decoding: (try? Data(contentsOf: errors)) ?? Data(), as: UTF8.self)
        return (process.terminationStatus, said.split(separator: "\n").suffix(3).joined(separator: "; "))
    }
}

extension PlotError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .failed }
}
