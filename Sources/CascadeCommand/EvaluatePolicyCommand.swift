// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeEvaluation
import CascadeFunnel
import CascadeStore
import CascadeTensorFiles
import Foundation

struct EvaluatePolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate-policy",
        abstract: "Estimates the click rate of a funnel from the pages that a service has logged.",
        discussion: """
            For each logged request the funnel of CONFIG says with which probability it would have shown the same items, from \
            the user's history before that request. The store is only read; the service may run meanwhile. \
            Documentation/closed-loop.md describes the estimators.
            """
    )

    @Argument(help: "Configuration of a service (YAML), whose default funnel is evaluated.") var config: String
    @Option(help: "Store of the service that logged the pages.") var store: String
    @Option(help: "Variant of the configuration to evaluate in place of the default funnel.") var variant: String?
    @Option(help: "Leave out requests from before: a date, or seconds since 1970.") var since: String?
    @Option(help: "Leave out this time and what is newer: a date, or seconds since 1970.") var until: String?
    @Option(help: "Number of latest requests to read.") var limit = 10_000
    @Option(help: "Largest importance weight; larger ones are clipped.") var clip = OffPolicyReport.defaultClip
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard limit >= 1 else { throw ValidationError("--limit: found \(limit), expected at least 1") }
        guard clip > 0, clip.isFinite else { throw ValidationError("--clip: found \(clip), expected above 0") }
        let (since, until) = (try Self.time(since, "--since"), try Self.time(until, "--until"))
        if let since, let until, since >= until {
            throw ValidationError("--until: found a time that is not after --since; name a later end")
        }
    }

    func run() async throws {
        let settings = try ServiceSettings(config, port: nil)
        if let variant, settings.funnel.variants[variant] == nil {
            let known = settings.funnel.variants.keys.sorted()
            let names = known.isEmpty ? "none, since the configuration has no variants" : known.joined(separator: ", ")
            throw ValidationError("--variant: found '\(variant)', expected \(names).\(didYouMean(variant, known))")
        }
        let (since, until) = (try Self.time(since, "--since"), try Self.time(until, "--until"))
        try await StoreCommand.withStore(store, isReadOnly: true) { opened in
            let logged = try await opened.loggedRequests(since: since, until: until, limit: limit)
            guard !logged.isEmpty else {
                throw DatasetError(
                    .empty,
                    """
                    \(store): found no recommendation or search of a user with logged propensities, expected some. Let the \
                    service log first, or widen --since and --until.
                    """
                )
            }
            let past = PastStore(opened, at: logged[0].time)
            let service = try settings.service(over: past, at: store)
            try await service.start(keepingUp: false)
            let rebuilding = PolicyRebuilding(
                service: service,
                store: opened,
                past: past,
                variant: variant,
                settings: settings.funnel,
                logged: logged
            )
            let report: OffPolicyReport
            do {
                report = try await rebuilding.report(clip: clip)
            } catch {
                await service.shutdown()
                throw error
            }
            await service.shutdown()
            Terminal.out(try json ? jsonText(report) : Self.text(report))
        }
    }

    private static func time(_ text: String?, _ option: String) throws -> Int64? {
        do {
            return try text.map { try RetentionTime($0, now: Int64(Date().timeIntervalSince1970)).seconds }
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }

    private static func text(_ report: OffPolicyReport) -> String {
        let rows = report.estimates.map { estimate in
            [
                estimate.estimator.rawValue, estimate.value.map(number) ?? "-", interval(estimate.interval),
                number(estimate.effectiveSampleSize), String(format: "%.1f %%", 100 * estimate.support),
            ]
        }
        let header = ["estimator", "click rate", "95 % interval", "effective size", "support"]
        let lines = [
            Terminal.table([header] + rows),
            "logged policy: click rate \(report.loggedValue.map(number) ?? "-") \(interval(report.loggedInterval)), "
                + "\(report.impressions) impressions of \(report.requests) requests by \(report.users) users",
            "weights are clipped at \(number(report.clip)); without support: "
                + String(format: "%.1f %%", 100 * report.unsupported),
        ]
        return (lines + report.warnings.map { "warning: \($0)" }).joined(separator: "\n")
    }

    private static func interval(_ interval: ConfidenceInterval?) -> String {
        interval.map { "[\(number($0.lower)), \(number($0.upper))]" } ?? "-"
    }

    private static func number(_ value: Double) -> String { String(format: "%.4g", value) }
}
