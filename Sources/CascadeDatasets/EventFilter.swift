// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Which events a data set takes in as they are read, and how many it left out for which reason.
struct EventFilter {
    /// Events with a lower value are left out; those without a value are not.
    var leastValue: Float?
    /// Events of other actions are left out; nil keeps all.
    var actions: [Action]? {
        didSet { isKept = Action.allCases.map { actions?.contains($0) ?? true } }
    }
    /// Events outside of these times, in seconds since 1970-01-01 UTC, are left out; nil keeps all.
    var times: ClosedRange<Int64>?

    private var isKept = [Bool](repeating: true, count: Action.allCases.count)  // by action
    private var (belowValue, otherAction, outsideTimes) = (0, 0, 0)

    /// Whether an event is taken in; counts it when it is not.
    mutating func keeps(_ action: Action, _ time: Int64, _ value: Float?) -> Bool {
        guard isKept[Int(action.rawValue)] else {
            otherAction += 1
            return false
        }
        if let times, !times.contains(time) {
            outsideTimes += 1
            return false
        }
        if let leastValue, let value, value < leastValue {
            belowValue += 1
            return false
        }
        return true
    }

    /// What is to be remembered of the filter: what it asked for, and how many events it left out.
    var notes: [(key: String, value: String)] {
        var notes: [(String, String)] = []
        if let leastValue {
            notes += [("min-value", String(leastValue)), ("rows.below-min-value", String(belowValue))]
        }
        if let actions {
            let names = actions.map(\.name).joined(separator: ", ")
            notes += [("actions", names), ("rows.other-actions", String(otherAction))]
        }
        if let times {
            notes += [("first-time", String(times.lowerBound)), ("last-time", String(times.upperBound))]
            notes.append(("rows.outside-times", String(outsideTimes)))
        }
        return notes
    }

    /// What each filter left out and which option widens it, for the case that nothing was kept; nil when none left any out.
    var advice: String? {
        var reasons: [String] = []
        if belowValue > 0, let leastValue {
            reasons.append("\(belowValue) have a value below \(leastValue) (lower --min-value)")
        }
        if otherAction > 0 { reasons.append("\(otherAction) are of other actions (see --actions)") }
        if outsideTimes > 0, let times {
            reasons.append(
                "\(outsideTimes) lie outside the times \(times.lowerBound) to \(times.upperBound) (see --first-time and --last-time)"
            )
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }
}
