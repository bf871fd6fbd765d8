// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The sources that need no model, each with the work that it left behind.
struct Builtins: Sendable {
    private let sources: [FunnelPlan.Builtin: (source: any CandidateSource, runner: DeadlineRunner)]

    init(popularity: PopularityCounter, catalog: ItemCatalog, lexical: LexicalSource, clock: FunnelClock) {
        sources = [
            .popular: (PopularSource(popularity: popularity, span: .always), DeadlineRunner(clock)),
            .recentPopular: (PopularSource(popularity: popularity, span: .lately), DeadlineRunner(clock)),
            .newest: (NewestSource(catalog: catalog), DeadlineRunner(clock)),
            .lexical: (lexical, DeadlineRunner(clock)),
        ]
    }

    subscript(builtin: FunnelPlan.Builtin) -> (any CandidateSource, DeadlineRunner)? {
        sources[builtin].map { ($0.source, $0.runner) }
    }
}
