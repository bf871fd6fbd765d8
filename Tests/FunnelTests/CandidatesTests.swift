// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Testing

@testable import CascadeFunnel

@Suite("Candidates of several sources, and scorers")
struct CandidatesTests {
    private func merged(_ findings: [(String, Int, [String])]) -> [Candidate] {
        Candidates.merge(
            findings.map { source, quota, items in
                Findings(source: source, quota: quota, items: items.map { ScoredItem(ItemID($0), 0) })
            }
        )
    }

    @Test("sources of equal quotas alternate, the first first")
    func alternates() {
        let list = merged([("x", 3, ["a", "b", "c"]), ("y", 3, ["d", "e", "f"])])
        #expect(list.map(\.item.rawValue) == ["a", "d", "b", "e", "c", "f"])
    }

    @Test("a source with twice the quota has twice the places")
    func proportional() {
        let list = merged([("x", 4, ["a", "b", "c", "d"]), ("y", 2, ["e", "f"])])
        #expect(list.map(\.item.rawValue) == ["a", "e", "b", "c", "f", "d"])
    }

    @Test("an item of several sources is there once, at its best place, with all who found it")
    func duplicates() {
        let list = merged([("x", 3, ["a", "b", "c"]), ("y", 3, ["c", "d"])])
        #expect(list.map(\.item.rawValue) == ["a", "c", "b", "d"])
        #expect(list[1].sources == ["x", "y"])
        #expect(list.map(\.score) == [1, 0.75, 0.5, 0.25])
    }

    @Test("nobody brings more than the quota")
    func quota() {
        #expect(merged([("x", 2, ["a", "b", "c"])]).map(\.item.rawValue) == ["a", "b"])
        #expect(merged([]).isEmpty)
    }

    private func ranked(_ scores: [Double?]) -> [String]? {
        let list = scores.indices.map { Candidate(item: ItemID("\($0)"), score: 9, sources: []) }
        return Candidates.ranked(list, by: scores)?.map { "\($0.item):\(Int($0.score))" }
    }

    @Test("a scorer orders by score; equals stay as they came")
    func order() { #expect(ranked([1, 3, 1, 2]) == ["1:3", "3:2", "0:1", "2:1"]) }

    @Test("items that the scorer does not know keep their places, with the score before them")
    func unknown() {
        #expect(ranked([nil, 2, nil, 3, 1]) == ["0:3", "3:3", "2:3", "1:2", "4:1"])
        #expect(ranked([1, nil, 2]) == ["2:2", "1:2", "0:1"])
        #expect(ranked([nil, nil]) == ["0:9", "1:9"])
    }

    @Test("scores that are no numbers, or too few, are no answer")
    func refused() {
        #expect(ranked([1, .nan]) == nil)
        #expect(ranked([1, .infinity]) == nil)
        #expect(Candidates.ranked([Candidate(item: "a", score: 0, sources: [])], by: []) == nil)
    }
}
