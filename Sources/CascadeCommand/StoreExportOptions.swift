// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import CascadeDatasets
public import CascadeStore
import Foundation

extension RequestKind: ExpressibleByArgument {}

/// What `cascade data import --from store` takes of a store.
struct StoreExportOptions: ParsableArguments {
    /// The name of the format.
    static let format = "store"

    @Option(help: "store: leave out what is older: a date (2026-01-31, midnight UTC) or seconds since 1970.")
    var since: String?
    @Option(help: "store: leave out this time and what is newer: a date, or seconds since 1970.")
    var until: String?
    @Option(help: "store: an earlier import of the same store; only what is new is read.")
    var previous: String?
    @Option(
        help: "store: kind of requests to keep, recommendation, search or similar; repeatable; default the first two."
    )
    var requests: [RequestKind] = []

    /// Refuses the options where they mean nothing.
    func requireNone(for format: String) throws {
        let given =
            [("--since", since), ("--until", until), ("--previous", previous)].filter { $0.1 != nil }.map(\.0)
            + (requests.isEmpty ? [] : ["--requests"])
        guard given.isEmpty else {
            throw ValidationError(
                "\(given.joined(separator: ", ")): have a meaning for --from store only, found --from \(format)"
            )
        }
    }

    /// Makes a data set of a store, and says what it holds.
    func run(
        _ paths: [String],
        to target: String,
        name: String?,
        fewest: (userEvents: Int?, itemEvents: Int?)
    ) async throws {
        guard paths.count == 1 else { throw ValidationError("found \(paths.count) paths, expected one store file") }
        var options = DatasetExportOptions()
        options.name = name ?? URL(filePath: paths[0]).deletingPathExtension().lastPathComponent
        options.since = try time(since, "--since")
        options.until = try time(until, "--until")
        if !requests.isEmpty { options.kinds = Set(requests) }
        options.minUserEvents = fewest.userEvents ?? 1
        options.minItemEvents = fewest.itemEvents ?? 1
        let earlier = try previous.map { try Dataset(at: URL(filePath: $0)) }
        try await StoreCommand.withStore(paths[0]) { [options] store in
            let (data, report) = try await TargetDirectory.make(target) { url in
                try await store.exportDataset(to: url, options, previous: earlier) { events in
                    if Terminal.isInteractive { Terminal.status("\(events) events") }
                }
            }
            if Terminal.isInteractive { Terminal.status("") }
            for remark in report.remarks { Terminal.error(remark) }
            let asked = data.requests?.count ?? 0
            Terminal.out(
                "\(target): \(data.userCount) users, \(data.itemCount) items, \(data.eventCount) events, \(asked) requests; "
                    + "read \(report.readEvents) events and \(report.readRequests) requests of the store"
            )
        }
    }

    private func time(_ text: String?, _ option: String) throws -> Int64? {
        do {
            return try text.map { try RetentionTime($0, now: Int64(Date().timeIntervalSince1970)).seconds }
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }
}

extension DatasetExportReport {
    /// What somebody should know, in sentences.
    var remarks: [String] {
        var remarks: [String] = []
        if let fullReason { remarks.append("the previous import is not used, since \(fullReason)") }
        if reusedEvents > 0 || reusedRequests > 0 {
            remarks.append("\(reusedEvents) events and \(reusedRequests) requests are those of the previous import")
        }
        if anonymousRequests > 0 { remarks.append("left out \(anonymousRequests) requests without a user") }
        if !textAttributes.isEmpty {
            remarks.append(
                "no features: \(textAttributes.joined(separator: ", ")); nearly every item has a value of its own"
            )
        }
        return remarks
    }
}
