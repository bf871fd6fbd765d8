// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Testing

@Suite("Exact index")
struct FlatIndexTests {
    @Test(
        "finds the same items in the same order as the definition, ties by the lower item",
        arguments: [(1, 1), (2, 3), (63, 4), (64, 5), (65, 7), (130, 16), (700, 65), (333, 129)]
    )
    func agrees(_ count: Int, _ dimension: Int) throws {
        let items = try ItemVectors(coarseVectors(count, dimension, seed: 1), dimension: dimension)
        let index = FlatIndex(items)
        for (users, interests, limit) in [(1, 1, 10), (1, 3, 200), (5, 1, 7), (9, 2, 64)] {
            let values = coarseVectors(users * interests, dimension, seed: UInt64(users))
            let lists = try index.search(
                QueryVectors(values, interests: interests, dimension: dimension),
                limit: limit
            )
            for (user, list) in lists.enumerated() {
                let own = Array(values[user * interests * dimension..<(user + 1) * interests * dimension])
                #expect(list.numbers == definition(items, own, limit: limit))
            }
        }
    }

    @Test("scores are the inner products, and the largest over several vectors")
    func scores() throws {
        let index = FlatIndex(try ItemVectors([1, 0, 0, 2, -1, -1], dimension: 2))
        #expect(
            try index.search([3, 1], limit: 2)
                == [Match(item: ItemIndex(0), score: 3), Match(item: ItemIndex(1), score: 2)]
        )
        #expect(
            try index.search([3, 1, 0, 4], limit: 3)
                == [
                    Match(item: ItemIndex(1), score: 8), Match(item: ItemIndex(0), score: 3),
                    Match(item: ItemIndex(2), score: -4),
                ]
        )
    }

    @Test("agrees with the definition on numbers that do not sum exactly, where the gap is wider than rounding")
    func rounding() throws {
        let (items, draw) = clustered(600)
        let index = FlatIndex(items)
        let values = draw(20)
        for user in 0..<20 {
            let own = Array(values[user * 16..<(user + 1) * 16])
            #expect(try index.search(own, limit: 50).numbers == definition(items, own, limit: 50))
        }
    }

    @Test("one filter for all, one for each user; many allowed or few", arguments: [0.9, 0.5, 0.2, 0.01, 0])
    func filters(_ share: Double) throws {
        let (count, dimension) = (500, 6)
        let items = try ItemVectors(coarseVectors(count, dimension, seed: 2), dimension: dimension)
        let users = try QueryVectors(coarseVectors(6, dimension, seed: 3), interests: 2, dimension: dimension)
        let filters = (0..<3).map { randomFilter(count, share: share, seed: $0) }
        let lists = try FlatIndex(items).search(users, limit: 20, allowing: filters)
        let common = try FlatIndex(items).search(users, limit: 20, allowing: [filters[0]])
        for user in 0..<3 {
            let own = Array(users.values[user * 12..<(user + 1) * 12])
            #expect(lists[user].numbers == definition(items, own, limit: 20, filters[user]))
            #expect(common[user].numbers == definition(items, own, limit: 20, filters[0]))
        }
    }

    @Test("filters count, join and leave out")
    func filterAlgebra() {
        let even = ItemFilter(allowing: stride(from: 0, to: 130, by: 2).map { ItemIndex($0) }, of: 130)
        let late = ItemFilter(excluding: (0..<100).map { ItemIndex($0) }, of: 130)
        #expect(even.allowedCount == 65 && late.allowedCount == 30 && late.count == 130)
        let both = even.intersection(late)
        #expect(both.allowedCount == 15 && both[ItemIndex(128)] && !both[ItemIndex(129)] && !both[ItemIndex(98)])
        #expect(both.excluding([ItemIndex(128), ItemIndex(1)]).allowedCount == 14)
        #expect(ItemFilter(excluding: [], of: 64).allowedCount == 64)
    }
}

@Suite("Questions that an index refuses")
struct RefusedQuestionTests {
    @Test("a limit of 0 gives nothing, one above the catalog gives everything once", arguments: Small.recipes)
    func limits(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(300)
        let index = try recipe.build(items)
        let user = draw(1)
        #expect(try index.search(user, limit: 0).isEmpty)
        #expect(try Set(index.search(user, limit: 1000).numbers) == Set(0..<300))
        #expect(try index.search(user, limit: 300).count == 300)
        #expect(try index.search(QueryVectors([], dimension: 16), limit: 5, allowing: []).isEmpty)
        let nothing = ItemFilter(allowing: [], of: 300)
        #expect(try index.search(user, limit: 5, allowing: nothing).isEmpty)
    }

    @Test("what does not fit is named", arguments: Small.recipes)
    func refuses(_ recipe: IndexRecipe) throws {
        let index = try recipe.build(clustered(300).items)
        let user = [Float](repeating: 1, count: 16)
        for (question, text) in [
            ({ try index.search(user, limit: -1) }, "-1"),
            ({ try index.search([1, 2, 3], limit: 1) }, "found 3 numbers"),
            ({ try index.search([], limit: 1) }, "found 0 numbers"),
            ({ try index.search(user.map { _ in .nan }, limit: 1) }, "nan"),
            ({ try index.search(user.map { $0 * .infinity }, limit: 1) }, "inf"),
            ({ try index.search(QueryVectors([1, 2], dimension: 2), limit: 1, allowing: [])[0] }, "found 2 features"),
            ({ try index.search(user, limit: 1, allowing: ItemFilter(excluding: [], of: 9)) }, "for 9 items"),
        ] as [(() throws -> [Match], String)] {
            let error = #expect(throws: IndexError.self) { _ = try question() }
            #expect(error?.reason == .badQuery && error?.description.contains(text) ?? false, "\(text)")
        }
        let filters = [ItemFilter](repeating: ItemFilter(excluding: [], of: 300), count: 2)
        #expect(throws: IndexError.self) {
            _ = try index.search(QueryVectors(user, dimension: 16), limit: 1, allowing: filters + filters)
        }
    }

    @Test("vectors that no index can hold")
    func badVectors() {
        for (values, dimension) in [
            ([], 4), ([1, 2, 3], 2), ([1, .nan], 2), ([1, .infinity], 1), ([1e20], 1), ([1], 0),
        ]
            as [([Float], Int)]
        {
            let error = #expect(throws: IndexError.self) { _ = try ItemVectors(values, dimension: dimension) }
            #expect(error?.reason == .badVectors)
        }
    }

    @Test("parameters out of range are named")
    func badParameters() throws {
        let items = clustered(300).items
        var graph = HNSWIndex.Parameters()
        graph.m = 1
        var lists = IVFIndex.Parameters()
        lists.nlist = 301
        var codes = IVFIndex.Parameters()
        codes.pqBytes = 5
        for (recipe, name) in [(.hnsw(graph), "m:"), (.ivf(lists), "nlist:"), (.ivf(codes), "pq-bytes:")]
            as [(IndexRecipe, String)]
        {
            let error = #expect(throws: IndexError.self) { _ = try recipe.build(items) }
            #expect(error?.reason == .badParameter && error?.description.hasPrefix(name) ?? false)
        }
        let few = clustered(255).items
        #expect(throws: IndexError.self) { _ = try IndexRecipe.ivf(.codes(dimension: 16)).build(few) }
    }
}
