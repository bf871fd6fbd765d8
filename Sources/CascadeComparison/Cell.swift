// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTorch
public import CascadeTraining
public import Foundation

/// One training and its evaluation: a row of a table on one data set with one seed.
public struct Cell: Codable, Sendable, Equatable {
    /// The row's name.
    public var row: String
    /// The data set's name in the table.
    public var data: String
    /// Where the data set is.
    public var dataset: String
    /// Fingerprint of the data.
    public var dataHash: String
    /// Decides every random number.
    public var seed: UInt64
    /// The resolved experiment.
    public var experiment: Experiment
    /// The folder of the cell whose weights are evaluated; nil when the cell trains its own.
    public var weightsOf: String?
    /// Seconds of training by the clock on the wall; nil means as long as the experiment says.
    public var timeBudget: Double?
    /// What the training may take in another measure; nil means as long as the experiment says.
    public var budget: Budget?
    /// Evaluations from different noise.
    public var draws: Int
    /// Cascade's commit.
    public var commit: String

    /// Describes a cell.
    public init(
        row: String,
        data: String,
        dataset: String,
        dataHash: String,
        seed: UInt64,
        experiment: Experiment,
        weightsOf: String? = nil,
        budget: Budget? = nil,
        draws: Int = 1,
        commit: String
    ) {
        (self.row, self.data, self.dataset, self.dataHash) = (row, data, dataset, dataHash)
        (self.seed, self.experiment, self.weightsOf) = (seed, experiment, weightsOf)
        // Seconds have a field of their own, so that cells of before keep their identity.
        if case .seconds(let seconds)? = budget { timeBudget = seconds } else { self.budget = budget }
        (self.draws, self.commit) = (draws, commit)
    }

    /// A fingerprint of whatever decides the result: cells that share it find the same.
    public var identity: String {
        get throws {
            var identity = self
            (identity.row, identity.dataset, identity.data) = ("", "", "")
            (identity.experiment.name, identity.experiment.source) = ("", "")
            // Processor threads and what is only logged belong to the machine at hand, not to the question.
            var tree = try JSONValue(encoding: identity)
            for key in ["threads", "log_every_steps", "checkpoint_seconds"] {
                tree["experiment"]["training"][key] = .null
            }
            let text = try JSONEncoder.readable.encode(tree)
            var fingerprint = Fingerprint()
            text.withUnsafeBytes { fingerprint.add("cell", $0) }
            return fingerprint.description
        }
    }

    /// The folder's name: readable, and different for whatever decides the result.
    public var folder: String {
        get throws {
            let readable = "\(row)-\(data)".lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
            let name = String(readable).split(separator: "-").joined(separator: "-")
            return "\(name)-seed\(seed)-\(try identity.prefix(8))"
        }
    }
}

/// What a finished cell found.
public struct CellResult: Codable, Sendable, Equatable {
    /// The evaluation on test.
    public var report: EvaluationReport
    /// The ranks of the test users' targets, in the order of the data, of the first draw; none for a ranker.
    public var ranks: TargetRanks
    /// What each test request adds to a ranker's metrics; nil for a retriever.
    public var requests: [String: [Double]]?
    /// Validation metrics of the kept weights.
    public var validation: [String: Double]
    /// Trained parameters.
    public var parameters: Int
    /// Seconds of training, validation included.
    public var trainingSeconds: Double
    /// Milliseconds for each test user: the forward pass, the ranking of the catalog and the metrics.
    public var millisecondsPerUser: Double
    /// The largest resident memory of the process, in bytes.
    public var peakMemory: Int
    /// Why the training ended.
    public var reason: String
}

/// The folder of a cell: its plan, its run, its result.
public struct CellFolder: Sendable {
    /// Where it is.
    public let url: URL
    /// The models that its experiment may be about.
    public let models: ModelRegistry

    /// Names a folder, which need not exist.
    public init(_ url: URL, models: ModelRegistry = .builtin) {
        self.url = url
        self.models = models
    }

    /// The run that the cell trains.
    public var run: RunDirectory { RunDirectory(url.appending(path: "run"), models: models) }
    /// What the cell's process wrote to standard error.
    public var log: URL { url.appending(path: "log.txt") }
    private var plan: URL { url.appending(path: "cell.json") }
    private var result: URL { url.appending(path: "result.json") }

    /// What is to be done; nil when nothing is there yet.
    public func cell() throws -> Cell? {
        guard let data = try? Data(contentsOf: plan) else { return nil }
        return try JSONDecoder(models: models).decode(Cell.self, from: data)
    }

    /// Writes what is to be done, when it is not there yet: a cell that was cut short goes on as it began.
    public func prepare(_ cell: Cell) throws {
        guard try self.cell() == nil else { return }
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try DurableFile.write(try JSONEncoder.readable.encode(cell), to: plan)
    }

    /// What was found; nil when the cell is not finished.
    public func finished() -> CellResult? {
        guard let data = try? Data(contentsOf: result) else { return nil }
        return try? JSONDecoder().decode(CellResult.self, from: data)
    }

    /// The last line that says what went wrong; nil when the log has none.
    public func failure() -> String? {
        let lines = (try? String(contentsOf: log, encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.last { $0.hasPrefix("error: ") }.map { String($0.dropFirst("error: ".count)) }
    }

    /// Trains, or goes on training, then evaluates on test and writes the result; the state for resuming is then removed.
    ///
    /// A lock keeps a second process waiting while one is at work here.
    ///
    /// - Parameters:
    ///   - device: Where the model is trained.
    ///   - isInterrupted: Asked after every step; true ends the work with a checkpoint.
    ///   - observe: Told what happens.
    /// - Returns: Whether the cell is finished.
    public func complete(
        on device: Device = .cpu,
        isInterrupted: @escaping () -> Bool = { false },
        observe: @escaping (TrainingEvent) -> Void = { _ in }
    ) throws -> Bool {
        guard let cell = try cell() else {
            throw CheckpointError("\(url.path): no cell here (cell.json is missing); `cascade compare` makes them")
        }
        let place = url.appending(path: ".lock")
        let lock = try FolderLock(place, of: url, for: "works on this cell", waiting: true)
        defer { lock.release() }
        if finished() != nil { return true }
        if cell.weightsOf == nil {
            var options = TrainingOptions()
            (options.seed, options.device, options.commit) = (cell.seed, device, cell.commit)
            (options.isInterrupted, options.observe) = (isInterrupted, observe)
            let before = run.exists ? try run.manifest() : nil
            options.resume = before != nil
            options.budget = cell.budget ?? cell.timeBudget.map(Budget.seconds)
            if before?.status != .finished {
                let dataset = try Dataset(at: URL(filePath: cell.dataset))
                _ = try Trainer(cell.experiment, on: dataset, to: run.url, options).train()
            }
            if isInterrupted() { return false }
        }
        try evaluate(cell, on: device)
        // Never needed again, and most of what a cell holds.
        if FileManager.default.fileExists(atPath: run.optimizer.path) {
            try FileManager.default.removeItem(at: run.optimizer)
        }
        return true
    }

    private func evaluate(_ cell: Cell, on device: Device) throws {
        let source =
            cell.weightsOf.map { CellFolder(url.deletingLastPathComponent().appending(path: $0), models: models).run }
            ?? run
        let trained = try source.open(
            data: URL(filePath: cell.dataset),
            overriding: { _ in cell.experiment.model },
            on: device
        )
        let isRanker = trained.experiment.candidates != nil
        var options = EvaluationOptions()
        if !isRanker {
            options.seen = cell.experiment.seen
            options.draws = cell.draws
            options.stopsAtEqualDraws = true
        }
        var (report, result) = try trained.evaluate(.test, options)
        report.experiment = cell.row
        let found = CellResult(
            report: report,
            ranks: result.targetRanks,
            requests: isRanker ? result.perRequest : nil,
            validation: trained.manifest.validation,
            parameters: trained.manifest.parameters,
            trainingSeconds: cell.weightsOf == nil ? trained.manifest.seconds : 0,
            millisecondsPerUser: result.seconds * 1000 / Double(max(report.users, 1)),
            peakMemory: peakMemory(),
            reason: trained.manifest.reason
        )
        try DurableFile.write(try JSONEncoder.readable.encode(found), to: self.result)
    }
}

/// The largest resident memory of this process so far, in bytes.
private func peakMemory() -> Int {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    return usage.ru_maxrss * 1024  // Linux counts in kibibytes
}
