// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeRetrieval
import CascadeTorch
import Foundation

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what is installed, what is missing and how to mend it."
    )

    func run() throws {
        var rows = [("cascade commit", Build.commit()), ("compiler", compiler), ("system", system)]
        rows.append(("libtorch", "\(Runtime.version), \(library)"))
        rows.append(("devices", (["cpu"] + (0..<Runtime.cudaDeviceCount).map { "cuda:\($0)" }).joined(separator: ", ")))
        rows.append(("vector search", "inner products by \(VectorInstructions.best)"))
        rows.append(("threads", "\(Runtime.threads) of \(ProcessInfo.processInfo.activeProcessorCount) processors"))
        for (name, value) in rows { Terminal.out(name.padding(toLength: 16, withPad: " ", startingAt: 0) + value) }
        let isWell = try selfCheck()
        Terminal.out(
            "self-check      " + (isWell ? "passed: a product, its gradient and a saved random state" : "FAILED")
        )
        guard isWell else {
            Terminal.error("libtorch answers wrongly; reinstall it: remove .deps and run `make setup`")
            throw ExitCode.failure
        }
    }

    /// Differentiates sum((a b)^2) by hand and by libtorch, and repeats a random draw.
    private func selfCheck() throws -> Bool {
        let a = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
        let b = try Tensor([5, 6] as [Float], shape: [2, 1])
        try a.setRequiresGradient(true)
        try a.matmul(b).square().sum().backward()
        let gradient = try a.gradient()?.floats()
        let generator = try Generator(seed: 7)
        let state = try generator.state()
        let first = try Tensor.normal([4], using: generator).floats()
        try generator.restore(state)
        let second = try Tensor.normal([4], using: generator).floats()
        // a b = (17, 39); the gradient is 2 (a b) b^T.
        return gradient == [170, 204, 390, 468] && first == second
    }

    /// The Swift compiler on the path, else what is known of the one that built this program.
    private var compiler: String {
        let lines = Build.output(of: "swift", "--version")?.split(separator: "\n") ?? []
        if let line = lines.first(where: { $0.contains("Swift version") }) { return String(line) }
        #if compiler(>=6.4)
            return "no 'swift' on the path; built with Swift 6.4 or later"
        #else
            return "no 'swift' on the path; built with Swift 6.3"
        #endif
    }

    private var system: String { ProcessInfo.processInfo.operatingSystemVersionString }

    /// Where the running process found libtorch.
    private var library: String {
        // The system says that this file has no bytes, so it is read to its end instead of by its size.
        let data = try? FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd()
        let maps = String(decoding: data ?? Data(), as: UTF8.self)
        let line = maps.split(separator: "\n").first { $0.hasSuffix("/libtorch_cpu.so") }
        return line?.split(separator: " ").last.map(String.init) ?? "path unknown"
    }
}
