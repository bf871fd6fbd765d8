// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

/// The source of similar items.
public struct SimilarSettings: Sendable, Equatable {
    /// The slot to ask; nil for the first by name that knows similar items.
    public var slot: String?
    /// How long it may take.
    public var deadline = Duration.milliseconds(200)

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        slot = try group.text("slot")
        deadline = try group.whole("deadline_ms", from: 1).map { .milliseconds($0) } ?? deadline
        try group.finish()
    }
}

/// How much is kept for explanations.
public struct ExplainSettings: Sendable, Equatable {
    /// How many of the last requests can be explained.
    public var remember = 1_000
    /// How many items are kept of each stage.
    public var items = 50

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        remember = try group.whole("remember", from: 0) ?? remember
        items = try group.whole("items", from: 0) ?? items
        try group.finish()
    }
}

/// The history cache.
public struct HistorySettings: Sendable, Equatable {
    /// How many of a user's latest events the stages see; older items do not count as seen either.
    public var events = 500
    /// The number of cached histories.
    public var users = 5_000
    /// How long reading them may take.
    public var deadline = Duration.milliseconds(100)

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        events = try group.whole("events", from: 1) ?? events
        users = try group.whole("users", from: 1) ?? users
        deadline = try group.whole("deadline_ms", from: 1).map { .milliseconds($0) } ?? deadline
        try group.finish()
    }
}

/// How popularity is counted.
public struct PopularitySettings: Sendable, Equatable {
    /// How many days are "lately".
    public var windowDays = 7
    /// How often it is counted anew, in seconds.
    public var refreshSeconds = 60

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        windowDays = try group.whole("window_days", from: 1) ?? windowDays
        refreshSeconds = try group.whole("refresh_seconds", from: 1) ?? refreshSeconds
        try group.finish()
    }
}
