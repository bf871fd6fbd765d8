// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
public import Foundation

/// One round of the loop, as its folder's `round.json` remembers it.
public struct LoopRound: Sendable, Codable, Equatable {
    /// Where a round stands.
    public enum Status: String, Sendable, Codable {
        /// It was begun, and goes on or will be taken up.
        case running
        /// Every step was done; models may have failed, or been refused.
        case finished
        /// There was nothing to train on.
        case failed
    }

    /// What became of a slot's model.
    public struct Outcome: Sendable, Codable, Equatable {
        /// How a slot's step ended.
        public enum Decision: String, Sendable, Codable {
            case promoted, refused, failed
        }

        /// How it ended.
        public var decision: Decision
        /// The version; empty when there is none.
        public var version: String
        /// Why.
        public var reason: String
        /// Validation metrics of the training.
        public var metrics: [String: Double]
        /// Seconds of wall time that training, index and gate took in the call that ended them.
        public var seconds: Double

        /// Describes how a slot's step ended.
        public init(
            _ decision: Decision,
            version: String = "",
            reason: String,
            metrics: [String: Double] = [:],
            seconds: Double = 0
        ) {
            (self.decision, self.version, self.reason) = (decision, version, reason)
            (self.metrics, self.seconds) = (metrics, seconds)
        }
    }

    /// Its number, from 1.
    public var number: Int
    /// When it began, in seconds since 1970-01-01 UTC; what was done until then is what it learns from.
    public var time: Int64
    /// The first and the end of the events that it learns from; nil for no bound.
    public var since: Int64?, until: Int64
    /// Where it stands.
    public var status = Status.running
    /// Why it failed; nil when it did not.
    public var problem: String?
    /// What its data hold, in words.
    public var data = ""
    /// What became of each slot's model.
    public var slots: [String: Outcome] = [:]

    /// Begins a round.
    init(number: Int, time: Int64, data: LoopConfiguration.DataSettings) {
        (self.number, self.time) = (number, time)
        since = data.sinceDays.map { time - Int64($0 * 86_400) }
        until = time - Int64(data.holdoutHours * 3_600)
    }
}

/// The folder of one round: `round.json`, `data`, and a run for each slot.
public struct RoundFolder: Sendable, Equatable {
    /// Where it is.
    public let url: URL

    /// The data set.
    public var data: URL { url.appending(path: "data") }
    /// The run of a slot.
    public func run(_ slot: String) -> URL { url.appending(path: "runs").appending(path: slot) }
    /// The index of a slot's run, which `cascade promote` takes along.
    public func index(_ slot: String) -> URL { run(slot).appending(path: "index") }

    private var record: URL { url.appending(path: "round.json") }

    /// What the folder remembers; nil when it was not begun.
    ///
    /// - Throws: ``FileError`` for a record that is damaged.
    func read() throws -> LoopRound? {
        guard FileManager.default.fileExists(atPath: record.path) else { return nil }
        do {
            return try JSONDecoder().decode(LoopRound.self, from: Data(contentsOf: record))
        } catch {
            throw FileError(
                .malformed,
                record,
                "this is no record of a round, or it is damaged. Remove the folder; the next round begins anew."
            )
        }
    }

    func write(_ round: LoopRound) throws { try DurableFile.write(try jsonText(round), to: record) }
}

/// All rounds of a loop, in `FOLDER/rounds`.
struct RoundFolders {
    let folder: URL

    private var rounds: URL { folder.appending(path: "rounds") }

    func folder(_ number: Int) -> RoundFolder {
        RoundFolder(url: rounds.appending(path: String(format: "%06d", number)))
    }

    /// Makes the folders that rounds lie in, and removes what a cleaning left.
    func prepare() throws {
        do {
            try FileManager.default.createDirectory(at: rounds, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(atPath: rounds.path) where name.hasPrefix(".old-") {
                try FileManager.default.removeItem(at: rounds.appending(path: name))
            }
        } catch let error as CocoaError {
            throw FileError(.writeFailed, rounds, "the loop's folder cannot be used: \(error.localizedDescription)")
        }
    }

    /// The rounds that were begun, the oldest first.
    func all() throws -> [(folder: RoundFolder, round: LoopRound)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: rounds.path)) ?? []
        return try names.compactMap { Int($0) }.sorted().compactMap { number in
            let folder = folder(number)
            return try folder.read().map { (folder, $0) }
        }
    }

    /// Removes a round: it loses its name first, so that half a round is never taken for one.
    func remove(_ round: RoundFolder) throws {
        let old = rounds.appending(path: ".old-\(round.url.lastPathComponent)")
        try FileManager.default.moveItem(at: round.url, to: old)
        try FileManager.default.removeItem(at: old)
    }
}
