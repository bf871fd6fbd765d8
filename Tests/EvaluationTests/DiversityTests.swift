// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Testing

@Suite("Diversity of lists")
struct DiversityTests {
    /// Items 0 to 5: two of category 0, one of 0 and 1, one of 1, two without any.
    private let categories = ItemCategories([[0], [0], [1, 0], [1], [], []])

    /// Random items, up to three categories each, in falling order of score, some equal.
    private func world(_ seed: Int, items: Int) -> (categories: ItemCategories, candidates: [Diversity.Candidate]) {
        var random = TestGenerator(state: UInt64(seed))
        let lists = (0..<items).map { _ in
            (0..<Int.random(in: 0...3, using: &random)).map { _ in Int.random(in: 0..<4, using: &random) }
        }
        let scores = (0..<items).map { _ in Double(Int.random(in: 0..<8, using: &random)) / 4 }.sorted(by: >)
        return (ItemCategories(lists), Array(zip((0..<items).shuffled(using: &random), scores)))
    }

    @Test("items differ without a common category; those without any are alike")
    func differ() {
        let pairs = (0..<6).map { a in (0..<6).map { categories.differ(a, $0) ? 1 : 0 } }
        #expect(
            pairs == [
                [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0],
                [1, 1, 1, 1, 0, 0],
            ]
        )
        #expect(categories.itemCount == 6)
        #expect(categories.distinctCount(in: [0, 1]) == 1 && categories.distinctCount(in: [2]) == 2)
        #expect(categories.distinctCount(in: [2, 4, 5]) == 3 && categories.distinctCount(in: []) == 0)
        #expect(categories.intraListDiversity(of: [0, 1, 3]) == 2.0 / 3)
        #expect(categories.intraListDiversity(of: [0]) == 0 && categories.intraListDiversity(of: []) == 0)
    }

    @Test("by hand: the weight lets a worse item of another category pass")
    func byHand() {
        let candidates: [Diversity.Candidate] = [(0, 1.0), (1, 0.9), (2, 0.8), (3, 0.5), (4, 0.1)]
        func items(_ weight: Double) -> [Int] {
            Diversity(weight: weight, categories: categories).list(of: candidates, count: 3).map(\.item)
        }
        #expect(items(0) == [0, 1, 2])
        // Second: 0.9 against 0.5 + 0.3. Third: 0.8 against 0.5 + 0.6 for item 3, which differs from both.
        #expect(items(0.3) == [0, 1, 3])
        // Second: item 3 with 0.5 + 0.6. Third: 0.1 + 2 * 0.6 against 0.9 + 0.6.
        #expect(items(0.6) == [0, 3, 1])
        #expect(items(1) == [0, 3, 4])
        let list: [Diversity.Candidate] = [(0, 1.0), (3, 0.5), (4, 0.1)]
        #expect(abs(Diversity(weight: 1, categories: categories).value(of: list) - 4.6) < rounding)
    }

    @Test("adds at every step what the whole objective, computed anew, gains most by", arguments: 0..<40)
    func naive(_ seed: Int) {
        let (categories, candidates) = world(seed, items: 12)
        let diversity = Diversity(weight: Double(seed % 5) / 4, categories: categories)
        var (list, open) = ([Diversity.Candidate](), candidates)
        for count in 1...14 {
            if !open.isEmpty {
                let values = open.map { diversity.value(of: list + [$0]) }
                let best = values.indices.reduce(0) { values[$1] > values[$0] + rounding ? $1 : $0 }
                list.append(open.remove(at: best))
            }
            #expect(diversity.list(of: candidates, count: count).map(\.item) == list.map(\.item), "\(count)")
        }
    }

    @Test("never exceeds the best of all lists, and reaches it without weight, or for one item", arguments: 0..<20)
    func enumeration(_ seed: Int) {
        let (categories, candidates) = world(seed, items: 8)
        for weight in [0, 0.3, 2] {
            let diversity = Diversity(weight: weight, categories: categories)
            for count in 1...4 {
                let best =
                    (0..<256).filter { $0.nonzeroBitCount == count }.map { bits in
                        diversity.value(of: candidates.indices.filter { bits >> $0 & 1 == 1 }.map { candidates[$0] })
                    }.max() ?? 0
                let found = diversity.value(of: diversity.list(of: candidates, count: count))
                #expect(found <= best + rounding)
                if weight == 0 || count == 1 { #expect(abs(found - best) < rounding) }
            }
        }
    }

    @Test("statistics, by hand: the target takes the place of its rank; beyond the candidates it is not found")
    func statistics() {
        // Items 0 to 119; even ones of category 0, odd ones of 1. All scores are equal.
        let categories = ItemCategories((0..<120).map { [$0 % 2] })
        let candidates = (0..<100).map { (item: $0, score: 1.0) }
        var plain = DiversityStatistics(Diversity(weight: 0, categories: categories))
        for (target, rank) in [(0, 1), (7, 1), (3, 50), (4, 51), (110, 101), (99, 101)] {
            plain.add(candidates, target: target, rank: rank)
        }
        #expect(plain.diversified["recall@1"] == 2.0 / 6 && plain.diversified["recall@20"] == 2.0 / 6)
        #expect(plain.diversified["recall@50"] == 3.0 / 6)
        #expect(plain.plain["categories@10"] == 2 && plain.plain["categories@10"] == plain.diversified["categories@10"])
        #expect(plain.plain["recall@1"] == nil)

        // A single category up to the last candidate, which a large weight brings to the second place.
        let lone = ItemCategories((0..<120).map { [$0 == 99 ? 1 : 0] })
        var diverse = DiversityStatistics(Diversity(weight: 10, categories: lone))
        diverse.add(candidates, target: 99, rank: 100)
        #expect(diverse.diversified["recall@1"] == 0 && diverse.diversified["recall@2"] == 1)
        #expect(diverse.plain["diversity@10"] == 0 && diverse.diversified["diversity@10"] == 9.0 / 45)
        #expect(diverse.plain["categories@50"] == 1 && diverse.diversified["categories@50"] == 2)
        #expect(DiversityStatistics(Diversity(weight: 0, categories: lone)).plain.isEmpty)
    }
}
