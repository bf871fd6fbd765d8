// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Who gave which tag to which artist on which day: `tag_assignments.csv`, with `artists.csv` (names) and
/// `listening_counts.csv` (plays) where they exist, made of HetRec 2011's Last.fm files.
///
/// The tag stands for a query: a user, a day and a tag are one request, whose shown items are the artists that got the
/// tag, all of them chosen. The source does not say what else there was, so that a model draws it. Each assignment is
/// also a click with the tag as its query, whose value is the logarithm of 1 + the user's plays of the artist, where
/// they are known. What a request has as its history are earlier days: the source has no finer time, and gives nearly
/// every assignment the first day of its month.
///
/// The published file has a few assignments that are dated before Last.fm had tags. What lies before 2005 or after
/// 2011 is left out and counted unless the options name other times.
///
/// - Source: I. Cantador, P. Brusilovsky and T. Kuflik 2011, HetRec 2011, RecSys; the data from Last.fm.
struct TagAssignments {
    private static let years: ClosedRange<Int64> = 1_104_537_600...1_325_375_999  // 2005-01-01 to 2011-12-31, UTC
    private let assignments: URL
    private let artists: URL?
    private let plays: URL?

    init(_ path: URL) throws {
        assignments = try path.sourceFile(named: ["tag_assignments.csv"])
        let folder = assignments.deletingLastPathComponent()
        artists = try? folder.sourceFile(named: ["artists.csv"])
        plays = try? folder.sourceFile(named: ["listening_counts.csv"])
    }

    func read(into session: inout ImportSession) throws {
        session.builder.filter.times = try ImportSession.times(session.options, usual: Self.years)
        let values = try plays.map { try strengths($0, &session) } ?? [:]
        for day in try days(&session) {
            for (tag, artists) in day.artists {
                var seen: Set<ItemID> = []
                let shown = artists.filter { seen.insert($0).inserted }
                session.builder.add(
                    SearchRequest(
                        user: day.user,
                        query: tag,
                        time: day.time.seconds,
                        shown: shown.map { SearchRequest.Shown($0, isClicked: true) }
                    ),
                    nanoseconds: day.time.nanoseconds
                )
            }
            for (tag, artists) in day.artists {
                for artist in artists {
                    let value = values[Listener(user: day.user, artist: artist)]
                    session.builder.add(
                        Event(user: day.user, item: artist, time: day.time.seconds, query: tag, value: value),
                        nanoseconds: day.time.nanoseconds
                    )
                }
            }
        }
        guard let artists else { return }
        let table = try session.table(artists, ",")
        let places = try table.places(of: ["artist_id", "name"], in: "artists.csv")
        try session.read(table) { table, builder in
            let (artist, name) = (try table.identifier(places[0]), try table.text(places[1]))
            if !name.isEmpty { builder.setTitle(name, for: ItemID(artist)) }
        }
    }

    private struct Listener: Hashable {
        let user: UserID
        let artist: ItemID
    }

    /// What a user did on a day: its tags in the order of the file, each with the artists that got it.
    private struct Day {
        struct Key: Hashable {
            let user: UserID
            let time: Timestamp
        }

        let user: UserID
        let time: Timestamp
        private(set) var artists: [(tag: String, artists: [ItemID])] = []
        private var places: [ByteString: Int] = [:]

        init(_ key: Key) { (user, time) = (key.user, key.time) }

        mutating func add(_ artist: ItemID, _ tag: String) {
            let place = places[ByteString(tag)] ?? artists.count
            if place == artists.count { artists.append((tag, [])) }
            places[ByteString(tag)] = place
            artists[place].artists.append(artist)
        }
    }

    /// The days of all users in the order of the file, wherever its rows lie.
    private func days(_ session: inout ImportSession) throws -> [Day] {
        let table = try session.table(assignments, ",")
        let places = try table.places(of: ["date", "user_id", "artist_id", "tag"], in: "tag_assignments.csv")
        var days: [Day] = []
        var numbers: [Day.Key: Int] = [:]
        try session.read(table) { table, _ in
            let time = try table.time(places[0], .iso8601)
            let key = Day.Key(user: UserID(try table.identifier(places[1])), time: time)
            let (artist, tag) = (ItemID(try table.identifier(places[2])), try table.identifier(places[3]))
            let number = numbers[key] ?? days.count
            if number == days.count { days.append(Day(key)) }
            numbers[key] = number
            days[number].add(artist, tag)
        }
        return days
    }

    /// The logarithm of 1 + plays, for each user and artist.
    private func strengths(_ url: URL, _ session: inout ImportSession) throws -> [Listener: Float] {
        let table = try session.table(url, ",")
        let places = try table.places(of: ["user_id", "artist_id", "plays"], in: "listening_counts.csv")
        var values: [Listener: Float] = [:]
        try session.read(table) { table, _ in
            let listener = Listener(
                user: UserID(try table.identifier(places[0])),
                artist: ItemID(try table.identifier(places[1]))
            )
            guard let plays = try table.number(places[2]), plays >= 0 else {
                throw table.error(places[2], expected: "a number from 0")
            }
            values[listener] = log1p(plays)
        }
        return values
    }
}
