// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeStore
public import Foundation

/// Items for a fake service: MovieLens's titles when its folder is there, otherwise made-up ones.
public enum FakeCatalog {
    /// Reads `movies.dat` of MovieLens-1M; nil when it is not there.
    public static func movieLens(_ folder: URL, limit: Int = 1_000) -> [ItemRecord]? {
        guard let text = try? String(contentsOf: folder.appendingPathComponent("movies.dat"), encoding: .isoLatin1)
        else { return nil }
        return text.split(whereSeparator: \.isNewline).prefix(limit).compactMap { line in
            let parts = line.components(separatedBy: "::")
            guard parts.count == 3 else { return nil }
            return ItemRecord(
                id: .init(parts[0]),
                title: parts[1],
                categories: parts[2].split(separator: "|").map(String.init)
            )
        }
    }

    /// Titles that nobody has given to a film yet.
    public static func invented(count: Int = 200) -> [ItemRecord] {
        let first = [
            "Silent", "Golden", "Last", "Hidden", "Broken", "Distant", "Little", "Burning", "Frozen", "Secret",
        ]
        let second = [
            "River", "Garden", "Letter", "Station", "Harbour", "Winter", "Mirror", "Orchard", "Signal", "Island",
        ]
        let categories = ["Drama", "Comedy", "Thriller", "Romance", "Animation", "Documentary", "Adventure"]
        return (0..<count).map { number in
            ItemRecord(
                id: .init("\(number + 1)"),
                title: "The \(first[number % 10]) \(second[number / 10 % 10]) (\(1930 + number * 7 % 90))",
                categories: [categories[number % 7], categories[(number / 7 + 3) % 7]].unique
            )
        }
    }
}

extension [String] {
    /// The elements without repetitions, in order.
    fileprivate var unique: [String] { enumerated().filter { !self[..<$0.offset].contains($0.element) }.map(\.element) }
}
