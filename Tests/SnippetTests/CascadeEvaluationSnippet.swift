// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Testing

@Suite("Snippet: CascadeEvaluation")
struct CascadeEvaluationSnippet {
    @Test("Computes metrics of ranks and tests whether two models differ")
    func shows() {
        // snippet.show
        // The rank of the item that each user chose, by two models.
        let model = [1, 3, 2, 8, 1, 4, 7, 2]
        let baseline = [4, 9, 15, 30, 2, 6, 40, 11]
        let metrics = RankingMetrics(ranks: model)
        let recall = metrics["recall@5"]

        let values = perUserMetric("ndcg@10", ranks: model)
        let others = perUserMetric("ndcg@10", ranks: baseline)
        let interval = Bootstrap.interval(of: values, seed: 1)
        let pValue = PairedTest.permutation(values, others, seed: 1)
        // snippet.hide
        #expect(recall == 0.75)
        #expect(interval.level == 0.95 && interval.lower < interval.upper)
        // All 8 differences are positive: of the 256 flips of their signs, 2 are as extreme.
        #expect(pValue == 2.0 / 256)
    }
}
