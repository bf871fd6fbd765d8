// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Search requests")
struct SearchRequestTests {
    /// Random requests with tied times, each followed by its clicks as events.
    private func builder(_ seed: UInt64, users: Int = 12, requests: Int = 120, shown: Int = 6) -> DatasetBuilder {
        var generator = SplitMix64(seed: seed)
        var builder = DatasetBuilder(name: "requests \(seed)")
        builder.shownFeatures = ["price", "rank"]
        for number in 0..<requests {
            let user = UserID("u\(Int.random(in: 0..<users, using: &generator))")
            let time = Int64(number / 4)
            let query = number % 7 == 0 ? nil : "query \(number % 9)"
            let list = (0..<Int.random(in: 1...shown, using: &generator)).map { place in
                SearchRequest.Shown(
                    ItemID("i\(Int.random(in: 0..<30, using: &generator))"),
                    isClicked: Bool.random(using: &generator),
                    isPurchased: place == 0,
                    values: [place == 2 ? .nan : Float(number * place), Float(place)]
                )
            }
            builder.add(
                SearchRequest(
                    user: user,
                    query: query,
                    time: time,
                    shown: list,
                    context: ["device": ["d\(number % 3)"]]
                )
            )
            for item in list where item.isClicked {
                builder.add(Event(user: user, item: item.item, time: time, query: query))
            }
        }
        return builder
    }

    @Test("come back from disk as they were written, by user and time")
    func roundTrip() throws {
        var builder = DatasetBuilder(name: "two")
        builder.shownFeatures = ["price"]
        builder.add(Event(user: "a", item: "x", time: 5))
        let late = SearchRequest(
            user: "a",
            query: "red shoes",
            time: 9,
            shown: [.init("y", values: [2]), .init("x", isClicked: true, isPurchased: true, values: [.nan])],
            context: ["device": ["phone"]]
        )
        builder.add(late)
        builder.add(SearchRequest(user: "a", query: nil, time: 5, shown: [.init("z", isClicked: true, values: [1])]))
        builder.add(Event(user: "a", item: "z", time: 5))
        builder.add(SearchRequest(user: "b", query: "red shoes", time: 1, shown: []))  // shows nothing: left out
        let owner = try TemporaryDataset(builder)
        let (dataset, table) = (owner.dataset, try #require(owner.dataset.requests))
        #expect(dataset.manifest.requests == 2 && dataset.manifest.shownFeatures == ["price"])
        #expect(dataset.userCount == 1 && dataset.itemCount == 3)
        #expect((0..<2).map { table.times[$0] } == [5, 9])
        // The first request has the same time as both events, one of which was added before it.
        #expect((0..<2).map { table.ends[$0] } == [1, 2])
        #expect(table.queries[0] == -1 && dataset.queryText(Int(table.queries[1])) == "red shoes")
        #expect(table.shown(1).map { dataset.itemID(ItemIndex(Int(table.items[$0]))) } == ["y", "x"])
        #expect(table.shown(1).map(table.isClicked) == [false, true])
        #expect(table.shown(1).map(table.isPurchased) == [false, true])
        #expect(table.features[0][1] == 2 && table.features[0][2].isNaN)
        #expect(dataset.requestFeature("device")?.values(of: 1) == ["phone"])
        #expect(dataset.requestFeature("device")?.values(of: 0) == [])
    }

    @Test("are dropped with their users, and lose the items that are dropped")
    func core() throws {
        var builder = DatasetBuilder(name: "core")
        for time in 0..<3 {
            builder.add(
                SearchRequest(
                    user: "a",
                    query: "q",
                    time: Int64(time),
                    shown: [.init("x", isClicked: true), .init(ItemID("once\(time)"))]
                )
            )
        }
        builder.add(SearchRequest(user: "b", query: "q", time: 1, shown: [.init("x")]))
        let dataset = try TemporaryDataset(builder, minUserEvents: 2, minItemEvents: 3).dataset
        #expect(dataset.userCount == 1 && dataset.itemCount == 1 && dataset.manifest.requests == 3)
        #expect(dataset.requests?.items.count == 3)
    }

    @Test("know exactly the earlier events of their user", arguments: 1...4 as ClosedRange<UInt64>)
    func ends(_ seed: UInt64) throws {
        let owner = try TemporaryDataset(builder(seed))
        let (dataset, table) = (owner.dataset, try #require(owner.dataset.requests))
        // Four requests share a time, so an event at the time of a request came before it only if it was added before:
        // then its query is that of an earlier request of the same moment, never a later one.
        for request in 0..<table.count {
            let events = dataset.events(of: UserIndex(Int(table.users[request])))
            #expect(
                (events.lowerBound..<Int(table.ends[request])).allSatisfy { dataset.times[$0] <= table.times[request] }
            )
            #expect(
                (Int(table.ends[request])..<events.upperBound).allSatisfy { dataset.times[$0] >= table.times[request] }
            )
        }
        let ends = (0..<table.count).map { table.ends[$0] }
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 })
    }

    static let splits: [Split] = [
        .leaveOneOut, .temporal(validation: .quantile(0.6), test: .quantile(0.8)),
        .byUser(validation: 0.2, test: 0.2, seed: 3),
    ]

    @Test("are divided without a leak", arguments: 1...3 as ClosedRange<UInt64>, splits)
    func division(_ seed: UInt64, _ split: Split) throws {
        let owner = try TemporaryDataset(builder(seed))
        let (dataset, table) = (owner.dataset, try #require(owner.dataset.requests))
        let data = try SplitDataset(requestsOf: dataset, split)
        let division = try #require(data.requests)
        let parts = [division.training, division.numbers(.validation), division.numbers(.test)]
        #expect(parts.joined().sorted() == Array(0..<table.count))
        #expect(parts.allSatisfy { !$0.isEmpty })
        let scored = Set(parts[1] + parts[2])
        for request in division.training {
            for other in scored where table.users[other] == table.users[request] {
                switch split {
                case .leaveOneOut, .temporal: #expect(table.ends[request] <= table.ends[other])
                default: Issue.record("a user is in two parts")
                }
            }
        }
        if case .temporal = split {
            let latest = try #require(division.training.map { table.times[$0] }.max())
            #expect(scored.allSatisfy { table.times[$0] > latest })
        }
        // Events that count as known, for the popularity of negatives, end before the first request that is evaluated.
        for sequence in data.training {
            let first = scored.filter { table.users[$0] == Int32(sequence.user.rawValue) }.map { Int(table.ends[$0]) }
                .min()
            #expect(first.map { sequence.events.upperBound <= $0 } ?? true)
        }
    }

    @Test("make batches that say what was shown", arguments: 1...2 as ClosedRange<UInt64>)
    func batches(_ seed: UInt64) throws {
        let owner = try TemporaryDataset(builder(seed))
        let (dataset, table) = (owner.dataset, try #require(owner.dataset.requests))
        var settings = CandidateSettings()
        settings.negatives = 0
        let data = try SplitDataset(requestsOf: dataset, .leaveOneOut)
        let source = try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        let batches = source.training(epoch: 0, batchSize: 7)
        var seen: [Int] = []
        for (index, batch) in batches.enumerated() {
            let requests = batches.requests(index)
            seen += requests
            #expect(batch.rows == requests.count && batch.length <= 5)
            for (row, request) in requests.enumerated() {
                let user = UserIndex(Int(table.users[request]))
                let events = dataset.events(of: user).lowerBound..<Int(table.ends[request])
                let history = Array(events.suffix(5))
                let cells = row * batch.length..<(row + 1) * batch.length
                let padding = [Int32](repeating: 0, count: batch.length - history.count)
                #expect(Array(batch.items[cells]) == padding + history.map { dataset.items[$0] + 1 })
                #expect(Int(batch.lengths[row]) == history.count)
                let slots = row * batch.width..<row * batch.width + table.shown(request).count
                #expect(Array(batch.candidates[slots]) == table.shown(request).map { table.items[$0] + 1 })
                #expect(batch.clicks[slots].map { $0 == 1 } == table.shown(request).map(table.isClicked))
                #expect(batch.candidates[slots.upperBound..<(row + 1) * batch.width].allSatisfy { $0 == 0 })
                let text = table.queries[request] < 0 ? "" : dataset.queryText(Int(table.queries[request]))
                let first = Int(batch.queries[row]) * batch.queryLength
                let tokens = batch.tokens[first..<first + batch.queryLength].filter { $0 != 0 }
                #expect(tokens == QueryTokenizer().tokens(text))
            }
        }
        #expect(seen.sorted() == data.requests?.training)
        // Numbers are standardised over training, and what is missing becomes the mean.
        let numbers = batches.flatMap { batch in
            batch.candidates.indices.filter { batch.candidates[$0] != 0 }.map { Double(batch.shown[$0 * 2 + 1]) }
        }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        #expect(abs(mean) < 1e-5)
        #expect(abs(numbers.reduce(0) { $0 + $1 * $1 } / Double(numbers.count) - 1) < 1e-4)
        #expect(batches.allSatisfy { $0.shown.allSatisfy(\.isFinite) })
        #expect(source.training(epoch: 1, batchSize: 7).map(\.users) != batches.map(\.users))
        #expect(source.training(epoch: 0, batchSize: 7).map { $0 } == batches.map { $0 })
    }

    @Test("have an unknown user, or context, in one of twenty in training, anew in each epoch, and in no evaluation")
    func unknown() throws {
        let owner = try TemporaryDataset(builder(1))
        let table = try #require(owner.dataset.requests)
        var settings = CandidateSettings()
        settings.negatives = 0
        let data = try SplitDataset(requestsOf: owner.dataset, .leaveOneOut)
        let source = try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        /// Whether user and context are unknown, by request.
        func unknown(_ batches: SearchBatches) -> [Int: [Bool]] {
            batches.enumerated().reduce(into: [:]) { found, pair in
                for (row, request) in batches.requests(pair.offset).enumerated() {
                    #expect([-1, table.users[request]].contains(pair.element.users[row]))
                    found[request] = [pair.element.users[row] < 0, pair.element.context[row] == 0]
                }
            }
        }
        let epochs = (0..<60).map { unknown(source.training(epoch: $0, batchSize: 16)) }
        let draws = epochs.flatMap(\.values)
        for what in 0..<2 {
            let share = Double(draws.count { $0[what] }) / Double(draws.count)
            // Five standard deviations of a share of one in twenty.
            #expect(abs(share - 0.05) < 5 * (0.05 * 0.95 / Double(draws.count)).squareRoot())
        }
        #expect(draws.count > 1_000 && epochs[0] != epochs[1])
        #expect(try unknown(source.requests(.test, batchSize: 16)).values.allSatisfy { $0 == [false, false] })
    }

    @Test("get drawn candidates where only choices are known")
    func negatives() throws {
        var builder = DatasetBuilder(name: "choices")
        for user in 0..<6 {
            for step in 0..<8 {
                let item = ItemID("i\((user * 3 + step * step) % 20)")
                builder.add(
                    SearchRequest(
                        user: UserID("u\(user)"),
                        query: "q\(step)",
                        time: Int64(step),
                        shown: [.init(item, isClicked: true)]
                    )
                )
                builder.add(Event(user: UserID("u\(user)"), item: item, time: Int64(step)))
            }
        }
        let owner = try TemporaryDataset(builder)
        let (dataset, table) = (owner.dataset, try #require(owner.dataset.requests))
        let data = try SplitDataset(requestsOf: dataset, .leaveOneOut)
        var settings = CandidateSettings()
        settings.negatives = 0
        let error = #expect(throws: DatasetError.self) {
            try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        }
        #expect(try #require(error).description.contains("candidates.negatives"))
        settings.negatives = 4
        let source = try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        let batches = source.training(epoch: 0, batchSize: 5)
        for (index, batch) in batches.enumerated() {
            #expect(batch.width == 5 && batch.clicks.reduce(0, +) == Float(batch.rows))
            for (row, request) in batches.requests(index).enumerated() {
                let list = Array(batch.candidates[row * 5..<(row + 1) * 5])
                #expect(Set(list).count == 5)
                let known = (Int(dataset.offsets[Int(table.users[request])])..<Int(table.ends[request])).map {
                    dataset.items[$0] + 1
                }
                #expect(Set(list.dropFirst()).isDisjoint(with: known))
            }
        }
        #expect(source.training(epoch: 1, batchSize: 5).map(\.candidates) != batches.map(\.candidates))
        settings.knownItems = .include
        let including = try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        let drawn = including.training(epoch: 0, batchSize: 5)
        let met = drawn.enumerated().reduce(0) { sum, entry in
            let (index, batch) = entry
            return sum
                + drawn.requests(index).enumerated().reduce(0) { sum, entry in
                    let first = Int(dataset.offsets[Int(table.users[entry.element])])
                    let known = Set((first..<Int(table.ends[entry.element])).map { dataset.items[$0] + 1 })
                    let list = batch.candidates[entry.offset * 5 + 1..<(entry.offset + 1) * 5]
                    return sum + list.count(where: known.contains)
                }
        }
        #expect(met > 5)
        let scored = try source.requests(.test, batchSize: 3)
        #expect(scored.map { $0 } == (try source.requests(.test, batchSize: 3)).map { $0 })
        #expect(scored.reduce(0) { $0 + $1.rows } == data.requests?.numbers(.test).count)
    }

    @Test("that come in need no request table entry")
    func live() throws {
        let owner = try TemporaryDataset(builder(1))
        var settings = CandidateSettings()
        settings.negatives = 0
        let data = try SplitDataset(requestsOf: owner.dataset, .leaveOneOut)
        let source = try QuerySource(data, settings, tokenizer: QueryTokenizer(), length: 5, seed: 1)
        let candidates = [ItemIndex(3), ItemIndex(0)]
        let known = source.request(of: UserIndex(0), query: "query 1", candidates: candidates)
        #expect(known.rows == 1 && known.candidates == [4, 1] && known.lengths[0] > 0 && known.context == [0])
        let stranger = source.request(of: nil, query: "", candidates: candidates)
        #expect(stranger.lengths == [0] && stranger.users == [-1] && stranger.queries == [0])
    }

    @Test("with a damaged column are refused")
    func corruption() throws {
        let owner = try TemporaryDataset(builder(2))
        let file = owner.url.appending(path: "columns.safetensors")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 3] ^= 0x40
        try bytes.write(to: file)
        #expect(throws: DatasetError.self) { try Dataset(at: owner.url) }
    }
}
