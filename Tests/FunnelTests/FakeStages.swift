// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Foundation
import Synchronization

struct StageFailure: Error {}

/// Finds the same items for everybody.
struct FakeSource: CandidateSource {
    var version = "v1"
    var items: [ScoredItem] = []
    var gate: Gate?
    var fails = false

    func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
        await gate?.pass()
        if fails { throw StageFailure() }
        return items
    }
}

/// Judges by a function; by the number in the item's name when there is none.
struct FakeScorer: CandidateScorer {
    var version = "v1"
    var gate: Gate?
    var fails = false
    var score: @Sendable (ItemID, FunnelRequest) -> Double? = { item, _ in Double(item.rawValue.filter(\.isNumber)) }

    func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?] {
        await gate?.pass()
        if fails { throw StageFailure() }
        return items.map { score($0, request) }
    }
}

struct FakeSimilar: SimilarItemSource {
    var version = "v1"
    var known: [ItemID: [ScoredItem]] = [:]
    var fails = false

    func similar(to item: ItemID, limit: Int) async throws -> [ScoredItem]? {
        if fails { throw StageFailure() }
        return known[item]
    }
}

/// Loads what a test says for a folder.
final class FakeLoader: SlotLoader {
    let load: @Sendable (SlotConfiguration) async throws -> LoadedSlot

    init(_ load: @escaping @Sendable (SlotConfiguration) async throws -> LoadedSlot) { self.load = load }

    func load(_ slot: SlotConfiguration) async throws -> LoadedSlot { try await load(slot) }
}

/// Something loaded, named after its folder.
func loaded(
    _ slot: SlotConfiguration,
    source: (any CandidateSource)? = nil,
    scorer: (any CandidateScorer)? = nil,
    similar: (any SimilarItemSource)? = nil
) -> LoadedSlot {
    LoadedSlot(
        version: ModelVersion(slot: slot.name, version: slot.path, path: slot.path, time: 0),
        source: source,
        scorer: scorer,
        similar: similar
    )
}

/// `prefix1`, `prefix2`, ..., best first.
func items(_ prefix: String, _ count: Int) -> [ScoredItem] {
    (0..<count).map { ScoredItem(ItemID("\(prefix)\($0 + 1)"), Double(count - $0)) }
}

/// Events, one for each item, a second apart.
func clicks(_ user: UserID, _ items: [String], action: Action = .click) -> [NewEvent] {
    items.enumerated().map { place, item in
        NewEvent(
            id: "\(user)-\(item)-\(action)-\(place)",
            event: Event(user: user, item: ItemID(item), action: action, time: TestClock.today - 100 + Int64(place))
        )
    }
}

func configuration(_ json: String) throws -> FunnelConfiguration {
    try FunnelConfiguration(JSONDecoder().decode(JSONValue.self, from: Data(json.utf8)))
}

/// A service that has started on a clock that stands still, with what each slot holds.
func service(
    _ json: String,
    store: MemoryStore = MemoryStore(),
    clock: TestClock = TestClock(),
    arms: any ArmAssigner = NoABTests(),
    metrics: any FunnelMetrics = NoMetrics(),
    load: @escaping @Sendable (SlotConfiguration) async throws -> LoadedSlot = { _ in throw StageFailure() }
) async throws -> FunnelService {
    let service = try FunnelService(
        configuration(json),
        store: store,
        loader: FakeLoader(load),
        clock: clock.funnel,
        arms: arms,
        metrics: metrics
    )
    try await service.start()
    return service
}

extension Page {
    var ids: [String] { items.map(\.item.rawValue) }
}
