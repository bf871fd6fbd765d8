// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import GRDB

extension SQLiteStore: ABTestOutcomes {
    /// Every user with impressions in an A/B test, once for each arm that they were in.
    public func outcomes(of test: String) async throws -> [UnitOutcome] {
        guard Storable.holds(test) else { return [] }
        return try await read { database in
            let rows = try Row.fetchCursor(database, sql: Self.outcomes, arguments: ["experiment": test])
            var outcomes: [UnitOutcome] = []
            while let row = try rows.next() {
                outcomes.append(
                    UnitOutcome(
                        arm: try row.value(0),
                        requests: try row.value(1),
                        clickedRequests: try row.value(2),
                        converted: try row.value(3),
                        value: try row.value(4)
                    )
                )
            }
            return outcomes
        }
    }

    /// Which request an event belongs to is decided among all requests, whatever their A/B tests.
    private static let outcomes = """
        WITH shown AS (
            SELECT requests.row, requests.id, requests.user, requests.time, arms.arm
            FROM arms JOIN requests ON requests.row = arms.request
            WHERE arms.experiment = :experiment
        ),
        people AS (
            SELECT user, min(time) AS since FROM shown WHERE user IS NOT NULL GROUP BY user
        ),
        attributed AS (
            SELECT shown.row AS request, events.action, events.value
            FROM shown JOIN events ON events.request = shown.id
            UNION ALL
            SELECT (
                SELECT requests.row FROM requests JOIN exposures ON exposures.request = requests.row
                WHERE requests.user = events.user AND exposures.item = events.item
                    AND requests.time BETWEEN events.time - \(UnitOutcome.attributionSeconds) AND events.time
                ORDER BY requests.time DESC, requests.row DESC LIMIT 1
            ), events.action, events.value
            FROM people JOIN events ON events.user = people.user AND events.time >= people.since
            WHERE events.request IS NULL
        ),
        led AS (
            SELECT request, max(action = \(Action.click.rawValue)) AS clicked,
                max(action IN (\(Action.purchase.rawValue), \(Action.rating.rawValue))) AS converted,
                total(value) AS value
            FROM attributed WHERE request IS NOT NULL GROUP BY request
        )
        SELECT shown.arm, count(*), sum(coalesce(led.clicked, 0)), max(coalesce(led.converted, 0)), total(led.value)
        FROM shown LEFT JOIN led ON led.request = shown.row
        GROUP BY shown.arm, shown.user, CASE WHEN shown.user IS NULL THEN shown.row END
        ORDER BY shown.arm, shown.user, min(shown.row)
        """
}
