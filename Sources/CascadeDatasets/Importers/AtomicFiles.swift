// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The atomic files of RecBole: tables with tabs whose header says `name:type` for every field.
///
/// Token fields of the `.item` and `.user` files become features; a `token_seq` has several values, parted by spaces.
/// Float fields have no categories and are left out, which the provenance says.
///
/// - Source: RecBole documentation, Atomic Files.
struct AtomicFiles {
    private let events: URL
    private let items: URL?
    private let users: URL?

    /// Looks for the files: `path` is a `.inter` file, a folder with one, or the common beginning of their names.
    init(_ path: URL) throws {
        events = try Self.eventFile(path)
        let isCompressed = events.pathExtension == "gz"
        let stem = (isCompressed ? events.deletingPathExtension() : events).deletingPathExtension()
        items = Self.existing(stem, "item")
        users = Self.existing(stem, "user")
    }

    private static func eventFile(_ path: URL) throws -> URL {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path.path, isDirectory: &isFolder) else {
            if let events = existing(path, "inter") { return events }
            throw DatasetError(
                .notFound,
                "\(path.path): there is no such file or folder, nor \(path.lastPathComponent).inter[.gz]. Check the path."
            )
        }
        guard isFolder.boolValue else { return path }
        let names = try FileManager.default.contentsOfDirectory(atPath: path.path)
            .filter { $0.hasSuffix(".inter") || $0.hasSuffix(".inter.gz") }
            .sorted()
        guard let name = names.first, names.count == 1 else {
            throw DatasetError(
                .notFound,
                "\(path.path): found \(names.count) files .inter[.gz], expected one; give the path of the file itself."
            )
        }
        return path.appendingPathComponent(name)
    }

    private static func existing(_ stem: URL, _ kind: String) -> URL? {
        ["", ".gz"]
            .map { stem.deletingLastPathComponent().appendingPathComponent("\(stem.lastPathComponent).\(kind)\($0)") }
            .first { FileManager.default.fileExists(atPath: $0.path) }
    }

    func read(into session: inout ImportSession) throws {
        let options = session.options
        let table = try AtomicTable(events, session)
        var layout = try EventLayout(of: table.rows, options, words: session.words)
        try session.examine(table.rows, &layout)
        try session.readEvents(table.rows, layout)
        if let items {
            let table = try AtomicTable(items, session)
            let finder = ColumnFinder(table.rows)
            let title = try finder.title(options.columns.title)
            let id = try finder.require(.item, options.columns.item)
            try read(table, id: id, title: title, into: &session) { builder, id, title, features in
                let item = ItemID(id)
                if !title.isEmpty { builder.setTitle(title, for: item) }
                for (name, values) in features { builder.setItemFeature(name, values, for: item) }
            }
        }
        if let users {
            let table = try AtomicTable(users, session)
            let id = try ColumnFinder(table.rows).require(.user, options.columns.user)
            try read(table, id: id, title: nil, into: &session) { builder, id, _, features in
                for (name, values) in features { builder.setUserFeature(name, values, for: UserID(id)) }
            }
        }
    }

    /// Reads a file of side information: for every row its id, its title and its features by name.
    private func read(
        _ table: AtomicTable,
        id: Int,
        title: Int?,
        into session: inout ImportSession,
        _ add: (inout DatasetBuilder, String, String, [(String, [String])]) -> Void
    ) throws {
        let features = table.names.indices.filter { $0 != id && $0 != title && table.types[$0].isToken }
        table.rows.isExamined = true
        let floats = table.names.indices.filter { $0 != id && $0 != title && !table.types[$0].isToken }
        if !floats.isEmpty {
            let names = floats.map { table.names[$0] }.joined(separator: ", ")
            session.builder.note("left-out.\(table.rows.url.lastPathComponent)", "float fields: \(names)")
            session.say(
                "\(table.rows.url.lastPathComponent): left out the float fields \(names), which have no categories"
            )
        }
        try session.read(table.rows) { rows, builder in
            let key = try rows.identifier(id)
            let text = try title.map { try rows.text($0) } ?? ""
            let values = try features.map { (table.names[$0], table.types[$0].values(try rows.text($0))) }
            add(&builder, key, text, values)
        }
    }
}

/// A table whose header says `name:type` for every field.
private struct AtomicTable {
    enum FieldType: String, CaseIterable {
        case token
        case tokenSequence = "token_seq"
        case float
        case floatSequence = "float_seq"

        var isToken: Bool { self == .token || self == .tokenSequence }

        /// The values that a field of this type holds; none when it is empty.
        func values(_ text: String) -> [String] {
            guard self == .tokenSequence else { return text.isEmpty ? [] : [text] }
            return text.split(separator: " ").map(String.init)
        }
    }

    let rows: TableReader
    let names: [String]
    let types: [FieldType]

    init(_ url: URL, _ session: ImportSession) throws {
        rows = try session.table(url, "\t", quote: .literal)
        let fields = try rows.columns.map { column in
            let parts = column.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let type = FieldType(rawValue: String(parts[1])) else {
                let types = FieldType.allCases.map(\.rawValue).joined(separator: ", ")
                throw DatasetError(
                    .badRow,
                    """
                    \(url.path):1: found '\(column.prefix(40))' in the header, expected name:type with a type of \(types). \
                    Is this an atomic file of RecBole?
                    """
                )
            }
            return (name: String(parts[0]), type: type)
        }
        names = fields.map(\.name)
        rows.columns = names
        types = fields.map(\.type)
    }
}
