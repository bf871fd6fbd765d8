// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
public import Foundation

/// A data set directory, opened for reading: every user's events in the order of time, with their external ids.
///
/// The columns are mapped into memory unless ``FileLoading/copied`` is asked for, so that a data set may be larger than
/// memory. An event is known by its row, from 0 to ``eventCount``; rows of one user lie together.
public struct Dataset: Sendable {
    /// The directory.
    public let url: URL
    /// What the directory says about itself.
    public let manifest: Manifest
    /// `[userCount + 1]`: the first row of each user, and the end of the last.
    public let offsets: Column<Int64>
    /// `[eventCount]`: the dense index of the item.
    public let items: Column<Int32>
    /// `[eventCount]`: seconds since 1970-01-01 UTC; 0 in a source without times.
    public let times: Column<Int64>
    /// `[eventCount]`: the raw value of the ``Action``.
    public let actions: Column<UInt8>
    /// `[eventCount]`: the number of the query, or -1.
    public let queries: Column<Int32>
    /// `[eventCount]`: the grade or amount, or NaN.
    public let values: Column<Float>
    /// The search requests; nil in a data set without any.
    public let requests: RequestTable?
    /// What users said against items; nil in a data set without any.
    public let rejections: RejectionTable?

    let users: StringTable
    let catalog: StringTable
    private let queryTexts: TextLines
    private let titles: TextLines?
    private let features: [String: CategoricalFeature]

    /// Opens a data set directory and checks that it is whole.
    ///
    /// - Parameters:
    ///   - url: The directory.
    ///   - checkingContents: Whether to read every column once to compare the fingerprint; without this only the
    ///     structure is checked, which is enough to make every later access safe.
    ///   - loading: Whether the columns are mapped, or copied for a process that must outlive changes of the files.
    /// - Throws: ``DatasetError`` `.notFound`, `.notADataset`, `.unknownFormat` or `.corrupt`.
    public init(at url: URL, checkingContents: Bool = true, loading: FileLoading = .mapped) throws {
        self.url = url
        manifest = try Manifest(in: url)
        do {
            let files = try DatasetFiles(in: url, loading: loading)
            offsets = try files.columns.column("offsets", as: Int64.self)
            items = try files.columns.column("items", as: Int32.self)
            times = try files.columns.column("times", as: Int64.self)
            actions = try files.columns.column("actions", as: UInt8.self)
            queries = try files.columns.column("queries", as: Int32.self)
            values = try files.columns.column("values", as: Float.self)
            features = try files.features(manifest.vocabularies, requestCount: manifest.requests ?? 0)
            let shown = manifest.shownFeatures ?? []
            rejections = try manifest.rejections.map { try RejectionTable(files, count: $0) }
            requests = try manifest.requests.map { try RequestTable(files, count: $0, shown) }
            users = try StringTable(distinct: files.users, in: url.appendingPathComponent(DatasetFiles.users))
            catalog = try StringTable(distinct: files.items, in: url.appendingPathComponent(DatasetFiles.items))
            queryTexts = files.queries
            titles = files.titles
            try checkStructure(files)
            if checkingContents { try checkContents(files) }
        } catch let error as FileError {
            throw DatasetError(.corrupt, "\(error) The data set is damaged; import it again.")
        }
    }

    /// The number of users.
    public var userCount: Int { users.count }
    /// The number of items.
    public var itemCount: Int { catalog.count }
    /// The number of events.
    public var eventCount: Int { items.count }
    /// Whether the source had times: whether any event's time differs from 0.
    public var hasTimes: Bool { manifest.firstTime != 0 || manifest.lastTime != 0 }

    /// The rows of a user, in the order of time.
    public func events(of user: UserIndex) -> Range<Int> {
        Int(offsets[user.rawValue])..<Int(offsets[user.rawValue + 1])
    }

    /// The user with an external id, or nil when the data set has none.
    public func find(_ id: UserID) -> UserIndex? { users.find(id.rawValue).map(UserIndex.init(_:)) }

    /// The item with an external id, or nil when the data set has none.
    public func find(_ id: ItemID) -> ItemIndex? { catalog.find(id.rawValue).map(ItemIndex.init(_:)) }

    /// Finds the user with an external id.
    ///
    /// - Throws: ``DatasetError`` `.unknownUser`.
    public func userIndex(_ id: UserID) throws -> UserIndex {
        guard let index = find(id) else { throw unknown("user", id.rawValue, .unknownUser) }
        return index
    }

    /// Finds the item with an external id.
    ///
    /// - Throws: ``DatasetError`` `.unknownItem`.
    public func itemIndex(_ id: ItemID) throws -> ItemIndex {
        guard let index = find(id) else { throw unknown("item", id.rawValue, .unknownItem) }
        return index
    }

    /// The external id of a user.
    public func userID(_ index: UserIndex) -> UserID { UserID(users[index.rawValue]) }

    /// The external id of an item.
    public func itemID(_ index: ItemIndex) -> ItemID { ItemID(catalog[index.rawValue]) }

    /// The title of an item, or its external id when it has none.
    public func title(_ index: ItemIndex) -> String {
        guard let titles, !titles.range(index.rawValue).isEmpty else { return catalog[index.rawValue] }
        return titles[index.rawValue]
    }

    /// The search text of the event in `row`, if it has one.
    public func query(at row: Int) -> String? { queries[row] < 0 ? nil : queryTexts[Int(queries[row])] }

    /// The item feature of that name, if there is one.
    public func itemFeature(_ name: String) -> CategoricalFeature? { features[FeatureName.key("item", name)] }

    /// The user feature of that name, if there is one.
    public func userFeature(_ name: String) -> CategoricalFeature? { features[FeatureName.key("user", name)] }

    /// A categorical feature of requests, or nil when there is none of that name.
    public func requestFeature(_ name: String) -> CategoricalFeature? { features[FeatureName.key("request", name)] }

    /// The text of a query by its number, from 0.
    public func queryText(_ number: Int) -> String { queryTexts[number] }

    private func unknown(_ kind: String, _ id: String, _ reason: DatasetError.Reason) -> DatasetError {
        let (count, option, file) =
            kind == "user"
            ? (userCount, "--min-user-events", DatasetFiles.users)
            : (itemCount, "--min-item-events", DatasetFiles.items)
        return DatasetError(
            reason,
            """
            \(url.path): no \(kind) has the id '\(id)'. Its \(count) \(kind)s are listed in \(file), where ids are spelled \
            as in the source. Was this one dropped by \(option)?
            """
        )
    }
}
