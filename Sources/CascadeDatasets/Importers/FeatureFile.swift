// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A table with one user or item a row: its id, the title of an item, and a categorical feature in every other column.
///
/// A field holds several values with `|` between. A column of numbers with more than ``fewestNumbers`` different ones
/// is cut into buckets, unless its name says that the numbers are codes. Rows of ids without events are left out.
struct FeatureFile {
    enum Owner: String {
        case item
        case user
    }

    private let owner: Owner
    private let table: TableReader
    private let id: Int
    private let title: Int?
    private let columns: [Int]  // of the features

    /// From how many different numbers on a column of numbers is cut into buckets.
    static let fewestNumbers = 32
    /// Into how many.
    static let buckets = 10
    /// From how many different values on a feature is suspected to be a text.
    private static let manyValues = 1_000

    /// Opens the file and finds its columns.
    init(_ path: String, _ owner: Owner, in session: inout ImportSession) throws {
        self.owner = owner
        let options = session.options
        let url = try URL(fileURLWithPath: path).sourceFile(named: [])
        table = try session.delimitedTable(url, hasHeader: true)
        table.isTrimming = options.trims
        let ignored = options.columns.ignored(in: table)
        let finder = ColumnFinder(table, ignoring: ignored)
        let (wanted, role) = owner == .item ? (options.columns.item, ColumnRole.item) : (options.columns.user, .user)
        let names = table.columns
        let plain = names.firstIndex { ColumnName.plain($0) == "id" }
        let id =
            try finder.find(role, wanted.flatMap { names.contains($0) ? $0 : nil }) ?? plain
            ?? finder.require(role, nil)
        let titled = options.columns.title.flatMap { names.contains($0) ? $0 : nil }
        let title = owner == .item ? try finder.title(titled) : nil
        columns = names.indices.filter { $0 != id && $0 != title && !ignored.contains($0) }
        self.id = id
        self.title = title
        try checkNames()
    }

    private func checkNames() throws {
        var seen: Set<ByteString> = []
        for column in columns {
            let name = featureName(column)
            guard !name.isEmpty, name != GivenPart.feature, seen.insert(ByteString(name)).inserted else {
                throw DatasetError(
                    .badOption,
                    """
                    \(table.url.path):1: found a column called \(RowError.quoted(name)), expected a name of its own for every \
                    feature, other than '\(GivenPart.feature)'. Rename it, or leave it out with --ignore-column.
                    """
                )
            }
        }
    }

    private func featureName(_ column: Int) -> String { ColumnName.trimmed(table.columns[column]).withoutLineBreaks }

    /// Reads all rows, and gives the session's users or items their features.
    func read(into session: inout ImportSession) throws {
        let names = columns.map(featureName)
        let known = owner == .item ? session.builder.itemFeatures : session.builder.userFeatures
        if let name = names.first(where: { known[$0] != nil }) {
            throw DatasetError(
                .badOption,
                """
                \(table.url.path): \(owner)s have a feature '\(name)' already, from another file; expected a new name. Rename \
                the column, or leave it out with --ignore-column \(name).
                """
            )
        }
        say(names, &session)
        var features = columns.map { _ in FeatureCollector() }
        var isDone = [Bool](repeating: false, count: ids(session.builder).count)
        var (unknown, repeated) = (0, 0)
        try session.read(table) { table, builder in
            let key = try table.identifier(id)
            let texts = try columns.map { try table.text($0) }
            let title = try title.map { try table.text($0) } ?? ""
            guard let number = ids(builder).find(key) else {
                unknown += 1
                return
            }
            repeated += isDone[number] ? 1 : 0
            isDone[number] = true
            for (place, text) in texts.enumerated() { features[place].set(Self.values(text), of: Int32(number)) }
            if !title.isEmpty { builder.setTitle(title, for: ItemID(key)) }
        }
        for (place, name) in names.enumerated() { finish(&features[place], name, &session) }
        for (name, feature) in zip(names, features) {
            if owner == .item {
                session.builder.itemFeatures[name] = feature
            } else {
                session.builder.userFeatures[name] = feature
            }
        }
        report(unknown: unknown, repeated: repeated, without: isDone.count { !$0 }, &session)
    }

    private func ids(_ builder: DatasetBuilder) -> StringTable { owner == .item ? builder.items : builder.users }

    /// The values in a field, each once.
    private static func values(_ text: String) -> [String] {
        guard text.utf8.contains(UInt8(ascii: "|")) else { return text.isEmpty ? [] : [text.withoutLineBreaks] }
        var seen: Set<ByteString> = []
        return text.withoutLineBreaks.split(separator: "|").map(String.init).filter {
            seen.insert(ByteString($0)).inserted
        }
    }

    private func say(_ names: [String], _ session: inout ImportSession) {
        let titles = title.map { ", title = \(RowError.quoted(table.columns[$0]))" } ?? ""
        let listed = names.map { RowError.quoted($0) }.joined(separator: ", ")
        session.say(
            columns:
                "columns: \(owner) = \(RowError.quoted(table.columns[id]))\(titles); features: \(names.isEmpty ? "none" : listed)",
            of: table
        )
    }

    /// Cuts numbers into buckets, and says so.
    private func finish(_ feature: inout FeatureCollector, _ name: String, _ session: inout ImportSession) {
        let place = "\(table.url.lastPathComponent): feature \(RowError.quoted(name))"
        let options = session.options.columns
        let isForced = options.numeric.contains(name)
        let isCode = options.categorical.contains(name) || (!isForced && ColumnName.isCode(name))
        let distinct = feature.vocabulary.count
        if !isCode, isForced || distinct > Self.fewestNumbers, let buckets = NumberBuckets(feature, count: Self.buckets)
        {
            feature.relabel(buckets.label)
            session.say(
                """
                \(place) has \(distinct) different numbers: cut into \(buckets.labels.count) buckets of about equal size, \
                \(buckets.labels.joined(separator: ", ")). Pass --categorical-column \(name) if they are codes.
                """
            )
            session.builder.note("buckets.\(owner).\(name)", buckets.labels.joined(separator: ", "))
        } else if isForced {
            session.warn("\(place) is no column of numbers: each of its \(distinct) values is a category.")
        } else if distinct > Self.manyValues, distinct * 2 > feature.first.count(where: { $0 >= 0 }) {
            session.warn(
                """
                \(place) has \(distinct) different values, nearly one for each \(owner): a model learns little from it. \
                Leave it out with --ignore-column \(name) unless you need it.
                """
            )
        }
    }

    private func report(unknown: Int, repeated: Int, without: Int, _ session: inout ImportSession) {
        let file = table.url.lastPathComponent
        session.builder.note("features.\(file)", "\(unknown) rows without events, \(without) \(owner)s without a row")
        if unknown > 0 { session.say("\(file): left out \(unknown) rows of \(owner)s without events") }
        if without > 0 {
            session.say("\(file): \(without) \(owner)s with events have no row; their features are unknown")
        }
        if repeated > 0 {
            session.warn("\(file): \(repeated) rows have the id of a row before; the last of them counts.")
        }
    }
}

extension ImportSession {
    /// Reads the feature files that the options name, after all events.
    mutating func readFeatureFiles() throws {
        for path in options.itemFeatures { try FeatureFile(path, .item, in: &self).read(into: &self) }
        for path in options.userFeatures { try FeatureFile(path, .user, in: &self).read(into: &self) }
    }
}

extension ColumnName {
    /// Whether the name of a column of numbers says that they are codes, not amounts.
    static func isCode(_ name: String) -> Bool {
        !words(name).allSatisfy {
            ![
                "id", "code", "category", "cat", "type", "class", "group", "brand", "zip", "zipcode", "postcode",
                "genre",
            ]
            .contains($0)
        }
    }
}
