// Part of Cascade. SPDX-License-Identifier: Apache-2.0

//
// A process that stores events, for what needs one of its own:
//   StoreProbe append FILE PREFIX   stores events until it is killed and prints each id that was acknowledged
//   StoreProbe measure FOLDER       prints how many events a second are stored, with group commit and without
//   StoreProbe watch FOLDER         prints what it costs to ask whether other processes have written
//   StoreProbe erase FOLDER MILLION prints how long an erasure takes, and the slowest event beside it
import CascadeDatasets
import CascadeStore
import Foundation

func event(_ id: String, _ number: Int) -> NewEvent {
    let event = Event(user: UserID("user-\(number % 500)"), item: ItemID("item-\(number % 2000)"), time: Int64(number))
    return NewEvent(id: id, event: event)
}

/// Stores single events and small batches from several tasks at once, and never returns.
func append(to file: String, prefix: String) async throws {
    let store = try SQLiteStore(at: URL(fileURLWithPath: file))
    try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<8 {
            group.addTask {
                for call in 0... {
                    let ids = (0...task % 3).map { "\(prefix)-\(task)-\(call)-\($0)" }
                    _ = try await store.append(ids.map { event($0, call) })
                    // One system call, shorter than what a pipe takes in one piece: a line is there or is not.
                    let line = ids.joined(separator: "\n") + "\n"
                    _ = line.withCString { write(STDOUT_FILENO, $0, strlen($0)) }
                }
            }
        }
        try await group.waitForAll()
    }
}

/// Events a second that so many callers store, each waiting for one event before it sends the next.
func rate(callers: Int, groupLimit: Int, seconds: Double, in folder: URL) async throws -> Double {
    let file = folder.appendingPathComponent("\(UUID().uuidString).sqlite")
    let store = try SQLiteStore(at: file, groupLimit: groupLimit)
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    let stored = try await withThrowingTaskGroup(of: Int.self) { group in
        for caller in 0..<callers {
            group.addTask {
                var count = 0
                while ContinuousClock.now < end {
                    _ = try await store.append([event("\(caller)-\(count)", count)])
                    count += 1
                }
                return count
            }
        }
        return try await group.reduce(0, +)
    }
    let taken = start.duration(to: .now) / .seconds(1)
    try await store.close()
    try FileManager.default.removeItem(at: file)
    return Double(stored) / taken
}

/// Microseconds of one question, over many.
func question(_ store: SQLiteStore) -> Double {
    let (start, count) = (ContinuousClock.now, 200_000)
    for _ in 0..<count { _ = store.foreignChanges() }
    return start.duration(to: .now) / .microseconds(1) / Double(count)
}

/// What the question costs alone, and beside somebody who stores events.
func watch(in folder: URL) async throws {
    let store = try SQLiteStore(at: folder.appendingPathComponent("\(UUID().uuidString).sqlite"))
    print("alone: \(question(store)) µs")
    let writing = Task {
        for number in 0... where !Task.isCancelled { _ = try await store.append([event("\(number)", number)]) }
    }
    print("beside a writer: \(question(store)) µs; noticed \(store.foreignChanges() ?? 0) foreign changes")
    writing.cancel()
}

/// How long an erasure takes in a store of so many million events, and how long the slowest event beside it.
func erase(million: Int, in folder: URL) async throws {
    let file = folder.appendingPathComponent("\(UUID().uuidString).sqlite")
    let store = try SQLiteStore(at: file)
    for piece in 0..<million * 100 {
        let numbers = piece * 10_000..<(piece + 1) * 10_000
        _ = try await store.append(numbers.map { event("an-id-of-usual-length-\($0)", $0) })
    }
    let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
    let writing = Task {
        var (slowest, number) = (Duration.zero, 0)
        while !Task.isCancelled {
            let start = ContinuousClock.now
            _ = try await store.append([event("beside-\(number)", number)])
            slowest = max(slowest, start.duration(to: .now))
            number += 1
        }
        return (slowest, number)
    }
    let start = ContinuousClock.now
    let rows = try await store.erase("user-7")
    let hidden = start.duration(to: .now)
    try await store.finishErasures()
    let done = start.duration(to: .now)
    writing.cancel()
    let (slowest, number) = try await writing.value
    print("\(size / 1_000_000) MB: \(rows) rows gone after \(hidden), files clean after \(done)")
    print("\(number) events beside it, the slowest took \(slowest)")
    try await store.close()
    try FileManager.default.removeItem(at: file)
}

let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("append", 3):
    try await append(to: arguments[2], prefix: arguments[3])
case ("measure", 2):
    print("callers  events/s alone  events/s in groups")
    for callers in [1, 16, 128] {
        let folder = URL(fileURLWithPath: arguments[2])
        let alone = try await rate(callers: callers, groupLimit: 1, seconds: 4, in: folder)
        let grouped = try await rate(callers: callers, groupLimit: 256, seconds: 4, in: folder)
        print("\(callers)  \(Int(alone))  \(Int(grouped))")
    }
case ("watch", 2):
    try await watch(in: URL(fileURLWithPath: arguments[2]))
case ("erase", 3):
    try await erase(million: Int(arguments[3]) ?? 1, in: URL(fileURLWithPath: arguments[2]))
default:
    print("usage: StoreProbe append FILE PREFIX | measure FOLDER | watch FOLDER | erase FOLDER MILLION")
    exit(64)
}
