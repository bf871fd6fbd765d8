// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// A process that stores events, for what needs one of its own:
//   StoreProbe append FILE PREFIX   stores events until it is killed and prints each id that was acknowledged
//   StoreProbe measure FOLDER       prints how many events a second are stored, with group commit and without
import Datasets
import Foundation
import Store

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
default:
    print("usage: StoreProbe append FILE PREFIX | StoreProbe measure FOLDER")
    exit(64)
}
