// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
internal import TensorFiles

/// One padded batch of histories in host memory.
///
/// Items are numbered from 1, which is the dense index plus one; 0 is padding. `B` is ``rows``, `L` is ``length``.
public struct HostBatch: Sendable, Equatable {
    /// The number of histories, `B`.
    public let rows: Int
    /// The number of columns, `L`: that of the longest history here, at least 1.
    public let length: Int
    /// `[B * L]`, row after row: item numbers, 0 where padded.
    public let items: [Int32]
    /// `[B * L]`: seconds since 1970-01-01 UTC, 0 where padded.
    public let times: [Int64]
    /// `[B]`: how many items of each row are real.
    public let lengths: [Int32]
    /// The item numbers to predict: `[B]`, or `[B * L]` with 0 where there is none for
    /// ``ExampleKind/everyPosition``.
    public let targets: [Int32]
    /// `[B]`: the dense index of the user.
    public let users: [Int32]

    /// Wraps arrays that are laid out already.
    ///
    /// - Parameters:
    ///   - rows: The number of histories, `B`.
    ///   - length: The number of columns, `L`.
    ///   - items: `[B * L]` item numbers, 0 where padded.
    ///   - times: `[B * L]` seconds, 0 where padded.
    ///   - lengths: `[B]` counts of real items.
    ///   - targets: `[B]` or `[B * L]` item numbers.
    ///   - users: `[B]` dense user indices.
    public init(
        rows: Int,
        length: Int,
        items: [Int32],
        times: [Int64],
        lengths: [Int32],
        targets: [Int32],
        users: [Int32]
    ) {
        precondition(items.count == rows * length && times.count == items.count, "items and times must be [B * L]")
        precondition(lengths.count == rows && users.count == rows, "lengths and users must be [B]")
        precondition(targets.count == rows || targets.count == items.count, "targets must be [B] or [B * L]")
        self.rows = rows
        self.length = length
        self.items = items
        self.times = times
        self.lengths = lengths
        self.targets = targets
        self.users = users
    }
}

/// On which side of a shorter history the padding lies.
public enum Padding: String, Sendable, Codable, CaseIterable {
    /// The last item is in the last column.
    case left
    /// The first item is in the first column.
    case right
}

/// The rows of one history, and what comes after it.
struct Window {
    let user: Int32
    let inputs: Range<Int>
    let target: Int  // a row
    var limit: Int? = nil  // the row after the last that may be a target; nil where the target is fixed
}

/// Which of the events after a position is its target: the next, or one of the next few, nearer ones more often.
public struct TargetReach: Sendable, Equatable {
    /// The next event, always.
    public static let next = TargetReach(events: 1, decay: 1)
    /// How many of the following events may be the target.
    public let events: Int
    /// Weight of each further event relative to the one before it.
    public let decay: Double

    /// Describes the draw; at least one event, a decay above 0 and at most 1.
    public init(events: Int, decay: Double) {
        precondition(events >= 1 && decay > 0 && decay <= 1, "a target is drawn from at least one event")
        (self.events, self.decay) = (events, decay)
    }

    /// How far beyond the next event the target lies, when `available` events follow.
    func offset(available: Int, using generator: inout SplitMix64) -> Int {
        let count = min(events, available)
        guard count > 1 else { return 0 }
        var remaining = Double.random(in: 0..<1, using: &generator) * (0..<count).reduce(0) { $0 + pow(decay, Double($1)) }
        for offset in 0..<count - 1 {
            remaining -= pow(decay, Double(offset))
            if remaining < 0 { return offset }
        }
        return count - 1
    }
}

extension HostBatch {
    /// Copies histories out of a data set.
    ///
    /// - Parameters:
    ///   - windows: The rows of each history.
    ///   - dataset: Where they are.
    ///   - padding: On which side shorter histories are padded.
    ///   - everyPosition: Whether each input has a target after it, rather than each row one.
    ///   - reach: Which of the following events it is, for windows with a limit.
    ///   - generator: The randomness of that choice.
    init(
        _ windows: some RandomAccessCollection<Window>,
        of dataset: Dataset,
        padding: Padding,
        everyPosition: Bool,
        reach: TargetReach = .next,
        using generator: inout SplitMix64
    ) {
        let rows = windows.count
        let length = windows.reduce(1) { max($0, $1.inputs.count) }
        var items = [Int32](repeating: 0, count: rows * length)
        var times = [Int64](repeating: 0, count: rows * length)
        var targets = [Int32](repeating: 0, count: everyPosition ? rows * length : rows)
        var lengths = [Int32](repeating: 0, count: rows)
        var users = lengths
        items.withUnsafeMutableBufferPointer { items in
            times.withUnsafeMutableBufferPointer { times in
                targets.withUnsafeMutableBufferPointer { targets in
                    let cells = Cells(length: length, items: items, times: times, targets: targets)
                    for (row, window) in windows.enumerated() {
                        cells.fill(row, window, of: dataset, padding: padding)
                        cells.aim(row, window, of: dataset, padding, everyPosition, reach, using: &generator)
                        lengths[row] = Int32(window.inputs.count)
                        users[row] = window.user
                    }
                }
            }
        }
        self.init(
            rows: rows,
            length: length,
            items: items,
            times: times,
            lengths: lengths,
            targets: targets,
            users: users
        )
    }
}

/// The memory of a batch while it is filled.
private struct Cells {
    let length: Int
    let items: UnsafeMutableBufferPointer<Int32>
    let times: UnsafeMutableBufferPointer<Int64>
    let targets: UnsafeMutableBufferPointer<Int32>

    private func cells(_ row: Int, _ window: Window, _ padding: Padding) -> Range<Int> {
        let first = row * length + (padding == .left ? length - window.inputs.count : 0)
        return first..<first + window.inputs.count
    }

    func fill(_ row: Int, _ window: Window, of dataset: Dataset, padding: Padding) {
        let cells = cells(row, window, padding)
        dataset.items.withUnsafeBufferPointer { number($0[window.inputs], into: items[cells]) }
        dataset.times.withUnsafeBufferPointer { column in
            _ = UnsafeMutableBufferPointer(rebasing: times[cells])
                .update(from: UnsafeBufferPointer(rebasing: column[window.inputs]))
        }
    }

    /// Writes what is to be predicted.
    func aim(
        _ row: Int,
        _ window: Window,
        of dataset: Dataset,
        _ padding: Padding,
        _ everyPosition: Bool,
        _ reach: TargetReach,
        using generator: inout SplitMix64
    ) {
        let limit = reach == .next ? nil : window.limit
        dataset.items.withUnsafeBufferPointer { column in
            func target(after input: Int) -> Int32 {
                let offset = limit.map { reach.offset(available: $0 - input - 1, using: &generator) } ?? 0
                return column[input + 1 + offset] + 1
            }
            guard everyPosition else {
                let isNext = window.target == window.inputs.upperBound
                targets[row] = isNext && limit != nil ? target(after: window.target - 1) : column[window.target] + 1
                return
            }
            for (cell, input) in zip(cells(row, window, padding), window.inputs) { targets[cell] = target(after: input) }
        }
    }

    /// Turns dense indices into item numbers.
    private func number(
        _ indices: Slice<UnsafeBufferPointer<Int32>>,
        into cells: Slice<UnsafeMutableBufferPointer<Int32>>
    ) {
        let (indices, cells) = (
            UnsafeBufferPointer(rebasing: indices), UnsafeMutableBufferPointer(rebasing: cells)
        )
        for place in 0..<cells.count { cells[place] = indices[place] &+ 1 }
    }
}
