// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// ` Did you mean 'NAME'?` with the nearest known name, or nothing when none is near.
///
/// Near is a Levenshtein distance of at most 2, or of a third of the length, upper and lower case being equal.
func didYouMean(_ name: String, _ known: [String]) -> String {
    let wanted = Array(name.prefix(100).lowercased())
    let nearest =
        known
        .map { (distance: editDistance(wanted, Array($0.prefix(100).lowercased())), name: $0) }
        .min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(2, wanted.count / 3) else { return "" }
    return " Did you mean '\(nearest.name)'?"
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}
