// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// Turns what a builder collected into a data set directory.
struct DatasetWriter {
    private var builder: DatasetBuilder
    private let options: Manifest.Options
    private let latestUsers: Int?
    private var users: Numbering
    private var items: Numbering
    private var queries: Numbering
    private var offsets: [Int64] = [0]
    private var eventCount = 0
    private var requests = KeptRequests()
    private var rejections: [Int] = []  // the kept ones, by user, then (time, row)
    private var rejectionCount = 0
    private var order: [UInt32] = []  // the kept rows of the input, user after user, each user's by (time, row)

    init(_ builder: consuming DatasetBuilder, _ options: Manifest.Options, latestUsers: Int?) throws {
        self.builder = builder
        self.options = options
        self.latestUsers = latestUsers
        users = Numbering(count: builder.users.count)
        items = Numbering(count: builder.items.count)
        queries = Numbering(count: builder.queries.count)
        try arrange()
        try checkIDs(builder.users, users.kept, "a user")
        try checkIDs(builder.items, items.kept, "an item")
    }

    /// Creates the directory; afterwards the events are gone from memory.
    mutating func write(to url: URL) throws {
        guard !FileManager.default.fileExists(atPath: url.path) else {
            throw DatasetError(
                .alreadyExists,
                "\(url.path): something exists there and is not overwritten. Remove it or choose another path."
            )
        }
        try DurableDirectory.create(at: url) { folder in
            var vocabularies: [String: [String]] = [:]
            try columns(&vocabularies).write(to: folder.appendingPathComponent(DatasetFiles.columns))
            try builder.users.lines.selecting(users.kept).write(to: folder.appendingPathComponent(DatasetFiles.users))
            try builder.items.lines.selecting(items.kept).write(to: folder.appendingPathComponent(DatasetFiles.items))
            try builder.queries.lines.selecting(queries.kept)
                .write(to: folder.appendingPathComponent(DatasetFiles.queries))
            try titles()?.write(to: folder.appendingPathComponent(DatasetFiles.titles))
            releaseEvents()
            try writeManifest(vocabularies, in: folder)
        }
    }

    /// Frees what is in the files now: to fingerprint them, they are mapped into memory as a whole.
    private mutating func releaseEvents() {
        let (name, provenance, shown) = (builder.name, builder.provenance, builder.shownFeatures)
        builder = DatasetBuilder(name: name)
        (builder.provenance, builder.shownFeatures) = (provenance, shown)
        eventCount = order.count
        (order, rejections) = ([], [])
        requests.release()
    }

    /// Filters, numbers and orders the events.
    private mutating func arrange() throws {
        let events = builder.columns
        guard events.count <= UInt32.max else {
            throw DatasetError(
                .badOption,
                "\(builder.name): \(events.count) events; one data set holds at most 2^32 - 1."
            )
        }
        let core = KCore(
            events,
            builder.requests,
            userCount: builder.users.count,
            itemCount: builder.items.count,
            minUserEvents: options.minUserEvents,
            minItemEvents: options.minItemEvents,
            latestUsers: latestUsers
        )
        var counts = [Int](repeating: 0, count: builder.users.count)  // by new number
        for row in 0..<events.count where core.keeps(events, row) {
            counts[Int(users.number(of: events.users[row]))] += 1
            _ = items.number(of: events.items[row])
            let query = events.query(row)
            if query >= 0 { _ = queries.number(of: query) }
        }
        let asked = builder.requests
        requests = KeptRequests(asked, core)
        for request in requests.order {
            _ = users.number(of: asked.users[request])
            for place in requests.shown(request, asked) { _ = items.number(of: asked.items[place]) }
            if asked.queries[request] >= 0 { _ = queries.number(of: asked.queries[request]) }
        }
        guard !users.kept.isEmpty else { throw nothingLeft() }
        rejections = builder.rejections.kept(core, users: users, items: items)
        rejectionCount = rejections.count
        for user in users.kept.indices { offsets.append(offsets[user] + Int64(counts[user])) }

        var next = offsets
        order = [UInt32](repeating: 0, count: Int(next[users.kept.count]))
        for row in 0..<events.count where core.keeps(events, row) {
            let user = Int(users[events.users[row]])
            order[Int(next[user])] = UInt32(row)
            next[user] += 1
        }
        for user in users.kept.indices {
            let range = Int(offsets[user])..<Int(offsets[user + 1])
            let isSorted = range.dropFirst().allSatisfy { events.precedes(order[$0 - 1], order[$0]) }
            guard !isSorted else { continue }
            order[range].sort(by: events.precedes)
        }
        requests.arrange(asked, users: users, among: events, order: order, offsets: offsets)
    }

    private func columns(_ vocabularies: inout [String: [String]]) -> SafetensorsWriter {
        var writer = SafetensorsWriter()
        let events = builder.columns
        let (items, queries) = (items, queries)
        writer.add("offsets", shape: [offsets.count], offsets)
        add("items", to: &writer) { items[events.items[$0]] }
        add("times", to: &writer) { events.times[$0] }
        add("actions", to: &writer) { events.actions[$0] }
        add("queries", to: &writer) { events.query($0) < 0 ? -1 : queries[events.query($0)] }
        add("values", to: &writer) { events.value($0) }
        for (kind, features, kept) in [
            ("item", builder.itemFeatures, items.kept), ("user", builder.userFeatures, users.kept),
            ("request", builder.requests.context, requests.order.map(Int32.init)),
        ] {
            for (name, collector) in features.sorted(by: { $0.key < $1.key }) {
                let key = FeatureName.key(kind, name)
                let feature = collector.selecting(kept)
                vocabularies[key] = feature.vocabulary
                writer.add(FeatureName.offsets(key), shape: [feature.offsets.count], feature.offsets)
                writer.add(FeatureName.values(key), shape: [feature.values.count], feature.values)
            }
        }
        builder.rejections.add(rejections, to: &writer, users: users, items: items)
        requests.add(to: &writer, builder.requests, builder.shownFeatures, users: users, items: items, queries: queries)
        return writer
    }

    /// Adds a column whose values are made piece by piece while the file is written.
    private func add<T: Scalar>(_ name: String, to writer: inout SafetensorsWriter, _ value: @escaping (Int) -> T) {
        let order = order
        writer.add(name, type: T.scalarType, shape: [order.count]) { write in
            for start in stride(from: 0, to: order.count, by: 1 << 16) {
                let piece = order[start..<min(start + 1 << 16, order.count)].map { value(Int($0)) }
                try piece.withUnsafeBytes(write)
            }
        }
    }

    /// The titles of the kept items, or nil when none has one.
    private func titles() -> TextLines? {
        var lines = TextLines()
        for item in items.kept { lines.append((builder.titles[item] ?? "").utf8) }
        return lines.bytes.count > lines.count ? lines : nil
    }

    private func writeManifest(_ vocabularies: [String: [String]], in folder: URL) throws {
        let files = try DatasetFiles(in: folder)
        let times = try files.columns.column("times", as: Int64.self)
        let manifest = Manifest(
            formatVersion: Manifest.currentVersion,
            name: builder.name,
            users: users.kept.count,
            items: items.kept.count,
            events: eventCount,
            queries: queries.kept.count,
            requests: requests.count == 0 ? nil : requests.count,
            shownFeatures: requests.count == 0 ? nil : builder.shownFeatures,
            rejections: rejectionCount == 0 ? nil : rejectionCount,
            columns: files.columns.names.sorted(),
            options: options,
            provenance: builder.provenance,
            contentHash: try files.contentHash(vocabularies: vocabularies),
            firstTime: times.min() ?? 0,
            lastTime: times.max() ?? 0,
            vocabularies: vocabularies
        )
        try DurableFile.write(jsonText(manifest), to: folder.appendingPathComponent(DatasetFiles.manifest))
    }

    private func checkIDs(_ table: StringTable, _ kept: [Int32], _ kind: String) throws {
        for index in kept {
            let id = table.lines.bytes[table.lines.range(Int(index))]
            guard id.isEmpty || id.contains(where: \.isLineBreak) else { continue }
            throw DatasetError(
                .badRow,
                """
                \(builder.name): \(kind) id is \(id.isEmpty ? "empty" : "broken over several lines"); expected one line \
                of text. Mend the source, or leave its bad rows out when importing.
                """
            )
        }
    }

    private func nothingLeft() -> DatasetError {
        guard builder.columns.count + builder.requests.count > 0 else {
            return DatasetError(.empty, "\(builder.name): there are no events. Is it the right file and format?")
        }
        return DatasetError(
            .empty,
            """
            \(builder.name): none of the \(builder.columns.count) events of \(builder.users.count) users and \
            \(builder.items.count) items is left after keeping users with at least \(options.minUserEvents) and items \
            with at least \(options.minItemEvents) events. Lower these two numbers or import more data.
            """
        )
    }
}
