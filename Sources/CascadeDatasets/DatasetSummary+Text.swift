// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension DatasetSummary {
    /// The summary as plain text: one aligned line for each figure.
    public var text: String {
        var rows: [(String, String)] = [
            ("name", name),
            ("users", grouped(users)),
            ("items", grouped(items)),
            ("events", grouped(events)),
            ("density", percent(density)),
        ]
        if queries > 0 { rows.append(("queries", grouped(queries))) }
        rows.append(("first event", firstTime.map(date) ?? "no times"))
        rows.append(("last event", lastTime.map(date) ?? "no times"))
        if let tiedShare { rows.append(("tied in time", "\(percent(tiedShare)) of the events")) }
        rows.append(
            (
                "repeats",
                """
                \(percent(repeatedShare)) of the events, \(percent(repeatedLastShare)) of the last events have an item \
                of the user's history
                """
            )
        )
        let lengths = historyLengths
        rows += [
            ("events per user", "mean \(fixed(lengths.mean, 1)), \(lengths.minimum) to \(grouped(lengths.maximum))"),
            (
                "  quantiles",
                """
                25 %: \(lengths.quarter)   50 %: \(lengths.median)   75 %: \(lengths.threeQuarters)   \
                90 %: \(lengths.percent90)   99 %: \(lengths.percent99)
                """
            ),
        ]
        rows += popularity.map { point in
            ("top \(Int((point.itemShare * 100).rounded())) % of items", "\(percent(point.eventShare)) of the events")
        }
        rows += actions.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ("action \($0)", grouped($1)) }
        rows.append(("with a value", "\(percent(valueShare)) of the events"))
        if let requests { rows += self.rows(of: requests) }
        rows += features.map { feature in
            (
                "\(feature.owner) feature \(feature.name)",
                "\(grouped(feature.values)) values, on \(percent(feature.coverage)) of the \(feature.owner)s"
            )
        }
        rows.append(("content hash", contentHash))
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "\($0)\(String(repeating: " ", count: width - $0.count))  \($1)\n" }.joined()
    }

    private func rows(of requests: Requests) -> [(String, String)] {
        [
            ("requests", grouped(requests.count)),
            (
                "  shown items",
                "\(grouped(requests.shown)): \(grouped(requests.clicks)) clicked, \(grouped(requests.purchases)) bought"
            ),
            (
                "  per request",
                "mean \(fixed(requests.meanCandidates, 1)), median \(requests.medianCandidates), at most \(requests.maximumCandidates)"
            ),
            (
                "  with a query",
                "\(percent(requests.queryShare)) of the requests; \(grouped(requests.distinctQueries)) distinct queries"
            ),
            ("  without history", "\(percent(requests.emptyHistoryShare)) of the requests"),
        ]
            + (requests.shownFeatures.isEmpty
                ? [] : [("  numbers", requests.shownFeatures.joined(separator: ", "))])
    }

    private func grouped(_ number: Int) -> String {
        let digits = String(number)
        return digits.enumerated()
            .map { place, digit in place > 0 && (digits.count - place) % 3 == 0 ? ",\(digit)" : String(digit) }
            .joined()
    }

    private func fixed(_ number: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", number) }

    /// A share in percent, with as many decimals as small shares need.
    private func percent(_ share: Double) -> String {
        "\(fixed(share * 100, share > 0 && share < 0.001 ? 4 : 2)) %"
    }

    private func date(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
