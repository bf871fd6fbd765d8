// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What `manifest.json` of a data set directory says.
public struct Manifest: Codable, Sendable, Equatable {
    /// The version of the directory's layout that this code writes and reads.
    public static let currentVersion = 1

    /// The filters that the import applied.
    public struct Options: Codable, Sendable, Equatable {
        /// The fewest events that a kept user has.
        public let minUserEvents: Int
        /// The fewest events that a kept item has.
        public let minItemEvents: Int
    }

    /// The version of the directory's layout.
    public let formatVersion: Int
    /// The name that people see.
    public let name: String
    /// The number of users.
    public let users: Int
    /// The number of items.
    public let items: Int
    /// The number of events.
    public let events: Int
    /// The number of distinct queries.
    public let queries: Int
    /// The number of search requests; nil in a data set without any.
    public let requests: Int?
    /// The names of the numbers that come with every shown item; nil in a data set without requests.
    public let shownFeatures: [String]?
    /// The number of rejections; nil in a data set without any.
    public let rejections: Int?
    /// The tensors of `columns.safetensors`, sorted by name.
    public let columns: [String]
    /// The filters that the import applied.
    public let options: Options
    /// Where the data came from: file names, format, counts of skipped rows and the like.
    public let provenance: [String: String]
    /// A fingerprint over all columns, ids, titles and vocabularies, as 32 hexadecimal digits.
    ///
    /// The same data gives the same digits on every machine. It detects damage; it is not cryptographic.
    public let contentHash: String
    /// The time of the earliest event, in seconds since 1970-01-01 UTC.
    public let firstTime: Int64
    /// The time of the latest event, in seconds since 1970-01-01 UTC.
    public let lastTime: Int64
    /// The values of each categorical feature, under `item.NAME`, `user.NAME` or `request.NAME`.
    public let vocabularies: [String: [String]]
}
