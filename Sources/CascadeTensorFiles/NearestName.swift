// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The known name that a misspelt one most likely meant; nil when none is near.
///
/// Near is an edit distance of at most 2, or of a third of the length; upper and lower case are equal. Names of more
/// than 100 characters, and those after the 10,000th, are not compared, so that a hostile file cannot make an error slow.
public func nearestName(to name: String, among known: some Sequence<String>) -> String? {
    let limit = 100
    let wanted = Array(name.lowercased().utf8)
    guard wanted.count <= limit else { return nil }
    return known.prefix(10_000).filter { $0.utf8.count <= limit }
        .map { (name: $0, distance: editDistance(wanted, Array($0.lowercased().utf8))) }
        .filter { $0.distance <= max(2, wanted.count / 3) }
        .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

/// Levenshtein distance, one row at a time.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            (diagonal, row[j + 1]) = (row[j + 1], min(row[j + 1] + 1, row[j] + 1, diagonal + (x == y ? 0 : 1)))
        }
    }
    return row[b.count]
}

/// ` Did you mean 'NAME'?` with the nearest known name, or nothing when none is near.
package func didYouMean(_ name: String, _ known: some Sequence<String>) -> String {
    nearestName(to: name, among: known).map { " Did you mean '\($0)'?" } ?? ""
}

/// `Did you mean 'NAME'?` with the nearest known name, or another sentence when none is near.
package func didYouMean(_ name: String, _ known: some Sequence<String>, otherwise sentence: String) -> String {
    nearestName(to: name, among: known).map { "Did you mean '\($0)'?" } ?? sentence
}
