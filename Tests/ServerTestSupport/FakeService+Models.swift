// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeFunnel
public import CascadeStore

extension FakeService {
    static let initialSlots: [String: SlotStatus] = {
        func slot(_ name: String, _ version: String, _ metrics: [String: Double]) -> (String, SlotStatus) {
            let version = ModelVersion(
                slot: name,
                version: version,
                path: "models/\(name)",
                time: 1_749_900_000,
                metrics: metrics
            )
            let previous = name == "taste" ? SlotStatus.Previous(version: "t2diff-81c04d", path: "models/taste-1") : nil
            return (name, SlotStatus(slot: name, version: version, previous: previous))
        }
        let all = [
            slot("taste", "t2diff-3f9a2c", ["recall@20": 0.1874, "ndcg@20": 0.0931, "mrr@20": 0.0712]),
            slot("pre-ranker", "dare-small-81b0", ["auc": 0.7642, "gauc": 0.7015]),
            slot("ranker", "dare-c07e55", ["auc": 0.7918, "gauc": 0.7260, "logloss": 0.4127]),
            ("search-ranker", SlotStatus(slot: "search-ranker", version: nil, problem: "the folder holds no weights")),
        ]
        return Dictionary(uniqueKeysWithValues: all)
    }()

    /// A promotion that serves, a refusal, and a roll-back that no service has followed yet; the latest first.
    static let initialDecisions: [Promotion] = {
        func decision(_ id: Int64, _ decision: Promotion.Decision, _ version: String, _ reason: String) -> Promotion {
            var promotion = Promotion(
                slot: "taste",
                decision: decision,
                version: version,
                place: .init(path: "models/taste-\(id)"),
                time: 1_749_900_000 + id,
                reason: reason,
                report: #"{"metrics":{}}"#
            )
            promotion.id = id
            return promotion
        }
        var served = decision(1, .promoted, "t2diff-3f9a2c", "ndcg@10 0.0931 against 0.0888 of the serving version")
        served.applied = 1_749_900_005
        return [
            decision(3, .rolledBack, "t2diff-81c04d", "takes back the promotion of t2diff-3f9a2c"),
            decision(2, .refused, "t2diff-000bad", "it is worse: ndcg@10 0.0054 against 0.0931"), served,
        ]
    }()

    /// The slots in the order of their names.
    public func slots() async -> [SlotStatus] { slotStates.values.sorted { $0.slot < $1.slot } }

    /// Takes out what a slot holds.
    public func empty(slot: String) { slotStates[slot]?.version = nil }

    /// Takes any folder whose name does not begin with `missing`, and goes back to the one before.
    public func change(slot: String, _ change: SlotChange) async throws -> SlotStatus {
        try await obey()
        guard let old = slotStates[slot] else { throw ServiceError(.notFound, "models: there is no such slot.") }
        var new = SlotStatus(slot: slot, version: old.version)
        switch change {
        case .load(let path, _, _):
            guard !path.hasPrefix("missing") else {
                throw ServiceError(.invalid, "models: the folder cannot be served; what served goes on serving.")
            }
            new.version = ModelVersion(slot: slot, version: "new-\(requests)", path: path, time: 1_750_000_000)
        case .rollBack:
            guard let previous = old.previous else { throw ServiceError(.invalid, "models: nothing served before.") }
            new.version = ModelVersion(
                slot: slot,
                version: previous.version,
                path: previous.path,
                time: 1_750_000_000,
                metrics: old.version?.metrics ?? [:]
            )
        }
        new.previous = old.version.map { .init(version: $0.version, path: $0.path) }
        slotStates[slot] = new
        return new
    }

    /// The decisions, the latest first.
    public func promotions(limit: Int) async throws -> [Promotion] {
        try await obey()
        return Array(decisions.prefix(limit))
    }

    /// One A/B test that does well and one whose assignment is broken.
    public func abTests() async throws -> [ABTestReport] {
        try await obey()
        func arm(_ name: String, _ share: Double, _ users: Int, _ rate: Double) -> ArmReport {
            ArmReport(
                arm: name,
                share: share,
                users: users,
                requests: users * 7,
                metrics: [
                    "click_rate": .init(value: rate, low: rate - 0.006, high: rate + 0.006),
                    "conversion": .init(value: rate / 5, low: rate / 5 - 0.003, high: rate / 5 + 0.003),
                ]
            )
        }
        return [
            ABTestReport(
                name: "freshness",
                arms: [arm("plain", 0.5, 5_021, 0.081), arm("boosted", 0.5, 4_979, 0.094)],
                sampleRatioPValue: 0.67
            ),
            ABTestReport(
                name: "diversity",
                arms: [arm("low", 0.5, 6_400, 0.080), arm("high", 0.5, 3_600, 0.079)],
                sampleRatioPValue: 0.0000003
            ),
        ]
    }
}
