// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets

/// How long and for which requests impressions are stored.
public struct ExposureSettings: Sendable, Equatable {
    /// After how many days impressions are removed; the longest period of an A/B report.
    public var keepDays = 30
    /// The share of answered requests whose exposures are kept, from 0 (none) to 1 (all).
    public var sample = 1.0

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        keepDays = try group.whole("keep_days", from: 1) ?? keepDays
        sample = try group.number("sample", from: 0) ?? sample
        guard sample <= 1 else {
            throw ConfigurationError("exposures.sample: found \(sample), expected a share of the requests from 0 to 1")
        }
        // A thousand years, so that no date lies before the beginning of counting.
        guard keepDays <= 365_000 else {
            throw ConfigurationError("exposures.keep_days: found \(keepDays), expected at most 365000 days")
        }
        try group.finish()
    }

    /// Whether a request belongs to the sample; always the same for one request.
    func keeps(_ request: String) -> Bool {
        if sample >= 1 { return true }
        var (request, print) = (request, Fingerprint())
        request.withUTF8 { print.add("exposures", UnsafeRawBufferPointer($0)) }
        return Double(print.number >> 11) * 0x1p-53 < sample
    }
}
