// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// Keeps the best of the items that it is offered: a heap with the worst kept one on top.
struct BestItems {
    private var heap: [Match] = []
    private let limit: Int
    /// What a score must exceed to be kept, when items are offered in rising order.
    private(set) var threshold = -Float.infinity

    /// Keeps `limit` items, at least one.
    init(limit: Int) {
        self.limit = limit
        heap.reserveCapacity(limit)
    }

    /// Takes an item if it is good enough; items must come in rising order, which settles ties.
    mutating func offer(_ item: Int, _ score: Float) {
        let match = Match(item: ItemIndex(rawValue: item), score: score)
        guard heap.count == limit else {
            heap.append(match)
            rise(heap.count - 1)
            if heap.count == limit { threshold = heap[0].score }
            return
        }
        guard score > threshold else { return }
        heap[0] = match
        sink()
        threshold = heap[0].score
    }

    /// The kept items, best first.
    func sorted() -> [Match] { heap.sorted(by: Match.isBetter) }

    private mutating func rise(_ start: Int) {
        var place = start
        while place > 0, Match.isBetter(heap[(place - 1) / 2], heap[place]) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func sink() {
        var place = 0
        while true {
            var worst = place
            for child in [2 * place + 1, 2 * place + 2].prefix(while: { $0 < heap.count })
            where Match.isBetter(heap[worst], heap[child]) { worst = child }
            guard worst != place else { return }
            heap.swapAt(place, worst)
            place = worst
        }
    }
}
