// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeRuns
import CascadeTensorFiles

extension TableSpecification {
    /// In what the trained rows of a data set differ where a reader of the table would expect them equal.
    ///
    /// What a model reads of an event, the candidates, the loss and its negatives, the examples and the budget: one sentence
    /// for each that is not the same in all rows, with the rows of every value.
    func inequalities(on data: String) -> [String] {
        var facts: [(name: String, rows: [(row: String, value: String)])] = []
        for row in rows where row.weightsFrom == nil {
            guard case .success(let experiment)? = row.experiments[data] ?? row.experiments[""],
                experiment.model.entry.learns
            else { continue }
            for (name, value) in experiment.comparable(row.budget.map { "\($0)" }) {
                let place = facts.firstIndex { $0.name == name } ?? facts.endIndex
                if place == facts.endIndex { facts.append((name, [])) }
                facts[place].rows.append((row.name, value))
            }
        }
        return facts.compactMap { fact in
            var groups: [(value: String, rows: [String])] = []
            for (row, value) in fact.rows {
                if let place = groups.firstIndex(where: { $0.value == value }) {
                    groups[place].rows.append(row)
                } else {
                    groups.append((value, [row]))
                }
            }
            guard groups.count > 1 else { return nil }
            let words = groups.sorted { $0.rows.count > $1.rows.count }
                .map { "\($0.value) (\($0.rows.joined(separator: ", ")))" }
            return "\(fact.name): \(words.joined(separator: "; "))"
        }
    }
}

extension Experiment {
    /// What rows of a table should share, in words.
    fileprivate func comparable(_ budget: String?) -> [(name: String, value: String)] {
        var facts: [(String, String)] = []
        let times = ["history.time_deltas", "time_deltas"].compactMap { model.settings.value(at: $0) }
        if let reads = times.first { facts.append(("ages of events", reads == .bool(true) ? "read" : "not read")) }
        facts.append(("budget", budget ?? "\(training.epochs) epochs"))
        if let candidates {
            facts.append(("negatives of a request", "\(candidates.negatives)"))
            return facts
        }
        switch model.entry.examples {
        case .prefixes?:
            let count = training.prefixesPerUser
            facts.append(("targets a user and epoch", count == 0 ? "every position" : "\(count)"))
        case .causal?: facts.append(("targets a user and epoch", "every position"))
        case nil: break
        }
        let loss = training.loss
        let negatives = loss.kind == .crossEntropy ? "" : " with \(loss.negatives) negatives"
        facts.append(("loss", loss.kind.rawValue + negatives))
        return facts
    }
}

extension JSONValue {
    /// What stands at a dotted key; nil for nothing.
    fileprivate func value(at path: String) -> JSONValue? {
        let found = path.split(separator: ".").reduce(self) { $0[String($1)] }
        return found == .null ? nil : found
    }
}
