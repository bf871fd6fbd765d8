// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

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
    /// ``ExampleKind/causal``.
    public let targets: [Int32]
    /// `[B]`: the dense index of the user.
    public let users: [Int32]
    /// `[B]`: seconds of the moment that is asked about: the target's, the request's, or else the latest event's.
    public let moments: [Int64]

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
    ///   - moments: `[B]` seconds; nil for those of the latest events.
    public init(
        rows: Int,
        length: Int,
        items: [Int32],
        times: [Int64],
        lengths: [Int32],
        targets: [Int32],
        users: [Int32],
        moments: [Int64]? = nil
    ) {
        precondition(items.count == rows * length && times.count == items.count, "items and times must be [B * L]")
        precondition(lengths.count == rows && users.count == rows, "lengths and users must be [B]")
        precondition(moments.map { $0.count == rows } ?? true, "moments must be [B]")
        precondition(targets.count == rows || targets.count == items.count, "targets must be [B] or [B * L]")
        self.rows = rows
        self.length = length
        self.items = items
        self.times = times
        self.lengths = lengths
        self.targets = targets
        self.users = users
        self.moments =
            moments
            ?? (0..<rows).map { row in
                times[row * length..<(row + 1) * length].reduce(Int64.min) { max($0, $1) }
            }
    }
}

extension HostBatch {
    /// The row of every target that there is, in the order of ``targets``.
    public var targetRows: [Int] {
        let perRow = max(targets.count / max(rows, 1), 1)
        return targets.indices.filter { targets[$0] != 0 }.map { $0 / perRow }
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
    let target: Int?  // a row; nil where nobody knows what comes next
    var moment: Int64?  // seconds; nil where the target's time says it
}

extension HostBatch {
    /// Copies histories out of a table of events.
    ///
    /// - Parameters:
    ///   - windows: The rows of each history.
    ///   - events: Where they are.
    ///   - padding: On which side shorter histories are padded.
    ///   - causal: Whether each input has the event after it as its target, rather than each row one.
    init(
        _ windows: some RandomAccessCollection<Window>,
        of events: EventTable,
        padding: Padding,
        causal: Bool
    ) {
        let rows = windows.count
        let length = windows.reduce(1) { max($0, $1.inputs.count) }
        var items = [Int32](repeating: 0, count: rows * length)
        var times = [Int64](repeating: 0, count: rows * length)
        var targets = [Int32](repeating: 0, count: causal ? rows * length : rows)
        var lengths = [Int32](repeating: 0, count: rows)
        var users = lengths
        var moments = [Int64](repeating: 0, count: rows)
        items.withUnsafeMutableBufferPointer { items in
            times.withUnsafeMutableBufferPointer { times in
                targets.withUnsafeMutableBufferPointer { targets in
                    let cells = Cells(length: length, items: items, times: times, targets: targets)
                    for (row, window) in windows.enumerated() {
                        cells.fill(row, window, of: events, padding: padding, causal: causal)
                        lengths[row] = Int32(window.inputs.count)
                        users[row] = window.user
                        let latest = window.target ?? window.inputs.last
                        moments[row] = window.moment ?? latest.map { events.times[$0] } ?? 0
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
            users: users,
            moments: moments
        )
    }
}

/// The memory of a batch while it is filled.
private struct Cells {
    let length: Int
    let items: UnsafeMutableBufferPointer<Int32>
    let times: UnsafeMutableBufferPointer<Int64>
    let targets: UnsafeMutableBufferPointer<Int32>

    func fill(_ row: Int, _ window: Window, of events: EventTable, padding: Padding, causal: Bool) {
        let first = row * length + (padding == .left ? length - window.inputs.count : 0)
        let cells = first..<first + window.inputs.count
        events.items.withUnsafeBufferPointer { column in
            number(column[window.inputs], into: items[cells])
            if causal {
                number(column[window.inputs.lowerBound + 1..<window.inputs.upperBound + 1], into: targets[cells])
            } else if let target = window.target {
                targets[row] = column[target] + 1
            }
        }
        events.times.withUnsafeBufferPointer { column in
            _ = UnsafeMutableBufferPointer(rebasing: times[cells])
                .update(from: UnsafeBufferPointer(rebasing: column[window.inputs]))
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
