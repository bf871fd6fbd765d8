// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("Live histories")
struct LiveHistoryTests {
    /// A user's events, as a service remembers them.
    private func events(_ user: UserIndex, _ rows: Range<Int>, of data: Dataset) -> [Event] {
        rows.map { row in
            Event(
                user: data.userID(user),
                item: data.itemID(ItemIndex(Int(data.items[row]))),
                action: Action(rawValue: data.actions[row]) ?? .click,
                time: data.times[row],
                query: data.query(at: row)
            )
        }
    }

    @Test("are laid out as the data set's own", arguments: [Padding.left, .right])
    func histories(padding: Padding) throws {
        let temporary = try TemporaryDataset(seed: 3)
        let data = temporary.dataset
        let cases = try SplitDataset(data, .leaveOneOut).cases(.test)
        let expected = evaluationBatches(cases, of: data, length: 7, padding: padding, batchSize: cases.count)[0]
        let live = cases.map { example in
            LiveHistory(
                events(example.user, example.history, of: data),
                of: data.userID(example.user),
                in: data,
                length: 7
            )
        }
        let found = HostBatch(live, padding: padding)
        #expect(found.items == expected.items && found.times == expected.times && found.lengths == expected.lengths)
        #expect(found.users == expected.users && found.length == expected.length)
        #expect(found.targets.allSatisfy { $0 == 0 })
        // Nobody knows the target's moment: it is the latest event's, or the request's where a model reads that.
        #expect(found.moments == cases.map { data.times[$0.history.upperBound - 1] })
        let asked = cases.map { example in
            let past = events(example.user, example.history, of: data)
            return LiveHistory(past, of: nil, in: data, length: 7, moment: data.times[example.target])
        }
        #expect(HostBatch(asked, padding: padding).moments == expected.moments)
    }

    @Test("with queries are laid out as the data set's own")
    func searches() throws {
        let folder = try TemporaryFolder()
        var world = try Simulator.named("shop")
        (world.users, world.items) = (60, 400)
        let data = try world.write(to: folder.file("shop"))
        let tokenizer = QueryTokenizer()
        var settings = CandidateSettings()
        settings.negatives = 0
        let split = try SplitDataset(requestsOf: data, .leaveOneOut)
        let source = try QuerySource(split, settings, tokenizer: tokenizer, length: 9, seed: 1)
        for user in (0..<20).map({ UserIndex($0) }) {
            let candidates = (0..<5).map { ItemIndex(7 * $0 + user.rawValue) }
            let history = LiveHistory(
                events(user, data.events(of: user), of: data),
                of: data.userID(user),
                in: data,
                length: 9,
                tokenizer: tokenizer
            )
            let query = "crimson shoe \(user.rawValue)"
            let request = LiveRequest(
                history: history,
                query: tokenizer.tokens(query),
                context: ContextReader(data).numbers(of: [:]),
                candidates: candidates,
                time: 50
            )
            let found = QueryHostBatch(
                [request],
                shownCount: data.requests?.featureNames.count ?? 0,
                contextCount: data.requestFeatureNames.count
            )
            #expect(found == source.request(of: user, query: query, candidates: candidates, time: 50))
        }
    }

    @Test("leave out items that the data set does not know, and take a stranger in")
    func unknown() throws {
        let temporary = try TemporaryDataset(histories: [[1, 2, 3], [2, 3]])
        let data = temporary.dataset
        func read(_ items: [ItemID], of user: UserID?, length: Int = 3) -> LiveHistory {
            LiveHistory(items.map { Event(user: "u", item: $0, time: 1) }, of: user, in: data, length: length)
        }
        #expect(read(["i1", "x", "i2", "y"], of: "u0") == read(["i1", "i2"], of: "u0"))
        #expect(read(["i1", "i2", "i3", "i1", "x"], of: "u0", length: 2) == read(["i3", "i1"], of: "u0"))
        #expect(read(["i1"], of: "nobody") == read(["i1"], of: nil))
        #expect(read(["i1"], of: "u1") != read(["i1"], of: nil))
        #expect(read(["x"], of: "u0").isEmpty && read(["i1"], of: "u0", length: 0).isEmpty)
        let batch = HostBatch([read([], of: nil), read(["i2"], of: "u1")], padding: .left)
        #expect(batch.lengths == [0, 1] && batch.users == [-1, 1] && batch.items.first == 0)
    }
}
