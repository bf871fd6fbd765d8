// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Testing

@Suite("Approximate indexes against the exact one")
struct ApproximateIndexTests {
    /// What small catalogs reach with the parameters of `Small` and a margin.
    private let floor = 0.9

    @Test("find most of the truth, in clusters and without", arguments: Small.approximate)
    func recall(_ recipe: IndexRecipe) throws {
        for clusters in [40, 1400] {
            let (items, draw) = clustered(1400, clusters: clusters)
            let index = try recipe.build(items)
            let quality = try IndexQuality.measure(index, QueryVectors(draw(25), dimension: 16), "test", depth: 20)
            // Without clusters, a look into 6 of 16 lists finds less; a graph does not care.
            let expected = clusters == 40 ? floor : index.kind == .hnsw ? floor : 0.6
            #expect(quality.recall >= expected, "\(index.kind) \(clusters)")
            #expect(quality.recall <= 1 && quality.depth == 20 && quality.userCount == 25)
        }
    }

    @Test("vectors of very different lengths are found by inner product, not by distance", arguments: Small.approximate)
    func lengths(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1500)
        var values = Array(items.values)
        var generator = SplitMix64(seed: 5)
        for item in 0..<1500 {
            let factor = Float.random(in: 0.2...2, using: &generator)
            for feature in 0..<16 { values[item * 16 + feature] *= factor }
        }
        let index = try recipe.build(ItemVectors(values, dimension: 16))
        let quality = try IndexQuality.measure(index, QueryVectors(draw(25), dimension: 16), "test", depth: 20)
        #expect(quality.recall >= 0.85, "\(index.kind)")
    }

    @Test("scores are inner products, sorted, without repetition", arguments: Small.recipes)
    func scores(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(600)
        let index = try recipe.build(items)
        let user = draw(3)
        let list = try index.search(user, limit: 30)
        #expect(list.count == 30 && Set(list.numbers).count == 30)
        for (first, second) in zip(list, list.dropFirst()) { #expect(first.score >= second.score) }
        for match in list {
            let row = items.rows([match.item.rawValue])
            let products = (0..<3).map { interest in
                (0..<16).reduce(0.0) { $0 + Double(user[interest * 16 + $1]) * Double(row[$1]) }
            }
            // Sixteen products of numbers of size 3, in float32.
            #expect(abs(Double(match.score) - (products.max() ?? 0)) < 1e-4)
        }
    }

    @Test("the items of equal vectors come in rising order", arguments: Small.recipes)
    func ties(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(150)
        let copies = try ItemVectors(Array(items.values) + Array(items.values), dimension: 16)
        let index = try recipe.build(copies)
        for match in zip(try index.search(draw(1), limit: 40), 0...) where match.1 % 2 == 1 {
            #expect(match.0.item.rawValue >= 150)
        }
    }

    @Test("filters hold and lists stay full, however few items are allowed", arguments: Small.recipes)
    func filters(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1400)
        let index = try recipe.build(items)
        let exact = FlatIndex(items)
        for share in [0.9, 0.5, 0.3, 0.1, 0.02, 0.003] {
            var hits = 0
            for seed in 0..<4 {
                let filter = randomFilter(1400, share: share, seed: UInt64(seed))
                let user = draw(seed % 3 + 1)
                let list = try index.search(user, limit: 20, allowing: filter)
                let truth = try exact.search(user, limit: 20, allowing: filter)
                #expect(list.count == min(20, filter.allowedCount) && Set(list.numbers).count == list.count)
                #expect(list.allSatisfy { filter[$0.item] })
                hits += Set(list.numbers).intersection(truth.numbers).count * 20 / max(truth.count, 1)
            }
            #expect(Double(hits) / 80 >= floor, "\(index.kind) \(share)")
        }
    }

    @Test("a filter that allows only what is far from the user still fills the list", arguments: Small.approximate)
    func farFilter(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1400)
        let index = try recipe.build(items)
        let user = draw(1)
        let worst = try FlatIndex(items).search(user, limit: 1400).suffix(700)
        let filter = ItemFilter(allowing: worst.map(\.item), of: 1400)
        let list = try index.search(user, limit: 50, allowing: filter)
        #expect(list.count == 50 && list.allSatisfy { filter[$0.item] })
        #expect(Set(list.numbers).intersection(worst.prefix(50).map(\.item.rawValue)).count >= 40)
    }

    @Test("several interests are merged as by brute force", arguments: Small.recipes)
    func interests(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1400)
        let index = try recipe.build(items)
        let values = draw(4 * 10)
        let users = try QueryVectors(values, interests: 4, dimension: 16)
        let lists = try index.search(users, limit: 25, allowing: [])
        var hits = 0
        for (user, list) in lists.enumerated() {
            let truth = definition(items, Array(values[user * 64..<(user + 1) * 64]), limit: 25)
            #expect(list.count == 25 && Set(list.numbers).count == 25)
            hits += Set(truth).intersection(list.numbers).count
        }
        #expect(Double(hits) / 250 >= (index.kind == .flat ? 1 : floor), "\(index.kind)")
    }

    @Test("equal seeds build equal indexes", arguments: Small.approximate)
    func determinism(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1000)
        let users = try QueryVectors(draw(20), dimension: 16)
        let lists = try (0..<2).map { _ in try recipe.build(items).search(users, limit: 50, allowing: []) }
        #expect(lists[0] == lists[1])
    }

    @Test("a graph built by several threads is as good; lists are the same")
    func threads() throws {
        let (items, draw) = clustered(1000)
        let users = try QueryVectors(draw(20), dimension: 16)
        var graph = HNSWIndex.Parameters()
        graph.threads = 3
        let quality = try IndexQuality.measure(HNSWIndex(items, graph), users, "test", depth: 20)
        #expect(quality.recall >= floor)
        var lists = IVFIndex.Parameters()
        (lists.nlist, lists.nprobe) = (16, 4)
        let one = try IVFIndex(items, lists).search(users, limit: 50)
        lists.threads = 3
        #expect(try IVFIndex(items, lists).search(users, limit: 50) == one)
    }

    @Test("all instructions of this processor find the same items", arguments: VectorInstructions.available)
    func instructions(_ instructions: VectorInstructions) throws {
        let (items, draw) = clustered(1000, dimension: 19)
        let users = try QueryVectors(draw(20), dimension: 19)
        let index = try HNSWIndex(items, instructions: instructions)
        #expect(index.instructions == instructions)
        #expect(try IndexQuality.measure(index, users, "test", depth: 20).recall >= floor)
    }

    @Test("many searches at once give the answers of one after the other", arguments: Small.recipes)
    func concurrency(_ recipe: IndexRecipe) async throws {
        let (items, draw) = clustered(1000)
        let index = try recipe.build(items)
        let users = try QueryVectors(draw(64), dimension: 16)
        let filter = randomFilter(1000, share: 0.5, seed: 3)
        let alone = try index.search(users, limit: 30, allowing: [])
        let filtered = try index.search(users, limit: 30, allowing: [filter])
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let filters = task % 2 == 0 ? [] : [filter]
                    return try index.search(users, limit: 30, allowing: filters) == (task % 2 == 0 ? alone : filtered)
                }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
    }

    @Test("the distance of links is chosen by trial: the better one for these users")
    func chosenDistance() throws {
        let (items, draw) = clustered(800, dimension: 8)
        let users = try QueryVectors(draw(25), dimension: 8)
        var parameters = HNSWIndex.Parameters()
        (parameters.m, parameters.efConstruction, parameters.efSearch) = (4, 20, 100)
        let recalls = try HNSWIndex.LinkDistance.allCases.map { distance in
            parameters.distance = distance
            return (distance, try IndexQuality.measure(HNSWIndex(items, parameters), users, "test").recall)
        }
        try parameters.chooseDistance(for: items, asking: users)
        let chosen = recalls.first { $0.0 == parameters.distance }?.1
        #expect(chosen == recalls.map(\.1).max())
    }

    @Test("searches are widened until they find enough, or can find no more", arguments: Small.recipes)
    func widening(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(1400, clusters: 1400)
        let truth = try IndexQuality.Truth(items, QueryVectors(draw(25), dimension: 16), "test", depth: 20)
        let (index, quality) = try IndexTuning.widen(recipe.build(items), until: 0.99, truth)
        #expect(quality.recall >= 0.99, "\(index.kind)")
        #expect(try IndexTuning.widen(recipe.build(items), until: 0, truth).index.recipe == recipe.build(items).recipe)
    }

    @Test("a wider search finds more")
    func breadth() throws {
        let (items, draw) = clustered(1400)
        let users = try QueryVectors(draw(25), dimension: 16)
        guard case .hnsw(let parameters) = Small.graph, case .ivf(let lists) = Small.lists else { return }
        let graph = try HNSWIndex(items, parameters)
        let inverted = try IVFIndex(items, lists)
        func recall(_ index: any VectorIndex) throws -> Double {
            try IndexQuality.measure(index, users, "test", depth: 20).recall
        }
        #expect(try recall(graph.searching(efSearch: 300)) >= recall(graph.searching(efSearch: 20)))
        #expect(try recall(inverted.searching(nprobe: 1)) < recall(inverted.searching(nprobe: 8)))
        #expect(try recall(inverted.searching(nprobe: 16)) == 1)
        #expect(throws: IndexError.self) { _ = try inverted.searching(nprobe: 17) }
        #expect(throws: IndexError.self) { _ = try graph.searching(efSearch: 0) }
    }
}
