// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The files of MovieLens in every layout that GroupLens has published since 1M: ratings with titles and genres of
/// movies, and in 1M gender, age and occupation of users.
///
/// | archive | ratings | movies | users |
/// |---|---|---|---|
/// | 1M | `ratings.dat` | `movies.dat` | `users.dat` |
/// | 10M | `ratings.dat`, half stars | `movies.dat` | none |
/// | 20M, 25M, 32M, latest, latest-small | `ratings.csv` (userId, movieId, rating, timestamp), half stars | `movies.csv` | none |
///
/// Ratings may also be a CSV file with the columns user_id, movie_id, rating and timestamp; further columns are not
/// used. Item feature: `genre`, none where a movie has `(no genres listed)`. User features: `gender`, `age` (the source's
/// codes of age groups) and `occupation` (the source's codes). Tags, links and the tag genome are left out, which is said.
///
/// - Source: F. M. Harper and J. A. Konstan 2015, The MovieLens Datasets, ACM TiiS 5(4); layouts as in the archives' READMEs.
struct MovieLensFiles {
    private static let ratingNames = ["ratings.dat", "ratings.csv"]
    private static let movieNames = ["movies.dat", "movies.csv"]
    private static let userNames = ["users.dat"]
    private static let unusedNames = ["tags.dat", "tags.csv", "links.csv", "genome-scores.csv", "genome-tags.csv"]
    private static let noGenres = "(no genres listed)"

    private let ratings: URL
    private let movies: URL?
    private let users: URL?
    private let unused: [String]

    /// Looks for the files among the paths, and in those that are folders.
    init(_ paths: [URL]) throws {
        func first(of names: [String]) -> URL? {
            for name in names.flatMap({ [$0, "\($0).gz"] }) {
                for path in paths {
                    if path.lastPathComponent == name { return path }
                    let inside = path.appendingPathComponent(name)
                    if FileManager.default.fileExists(atPath: inside.path) { return inside }
                }
            }
            return nil
        }
        guard let ratings = first(of: Self.ratingNames) else {
            try Self.refuseArchives(paths)
            throw DatasetError(
                .notFound,
                """
                \(paths.map(\.path).joined(separator: ", ")): found no ratings; expected a folder with one of \
                \(Self.ratingNames.joined(separator: ", ")), also with .gz, or that file. Check the path.
                """
            )
        }
        self.ratings = ratings
        movies = first(of: Self.movieNames)
        users = first(of: Self.userNames)
        unused = Self.unusedNames.filter { first(of: [$0]) != nil }
    }

    /// Names a file that is no table, such as the archive as it was fetched.
    private static func refuseArchives(_ paths: [URL]) throws {
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path.path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            _ = try SourceText(path)
        }
    }

    func read(into session: inout ImportSession) throws {
        let isOriginal = Self.isOriginal(ratings)
        let table =
            try isOriginal
            ? session.table(ratings, "::", columns: ["user_id", "movie_id", "rating", "timestamp"])
            : session.table(ratings, ",")
        let isCamelCase = table.columns.contains("userId")
        var options = ImportOptions()
        options.columns.user = isCamelCase ? "userId" : "user_id"
        options.columns.item = isCamelCase ? "movieId" : "movie_id"
        (options.columns.value, options.columns.time) = ("rating", "timestamp")
        try session.readEvents(table, EventLayout(of: table, options))
        if let movies { try read(movies: movies, into: &session) }
        if let users { try read(users: users, into: &session) }
        if movies == nil {
            session.say(
                "\(ratings.lastPathComponent): titles and genres are left out, for want of movies.dat or movies.csv"
            )
        }
        guard !unused.isEmpty else { return }
        session.builder.note("left-out", unused.joined(separator: ", "))
        session.say("left out, since no model reads them: \(unused.joined(separator: ", "))")
    }

    private static func isOriginal(_ url: URL) -> Bool { url.lastPathComponent.split(separator: ".").contains("dat") }

    private func read(movies: URL, into session: inout ImportSession) throws {
        let table =
            try Self.isOriginal(movies)
            ? session.table(movies, "::", columns: ["movie_id", "title", "genres"], usual: .utf8OrLatin1)
            : session.table(movies, ",")
        let id = table.columns.contains("movieId") ? "movieId" : "movie_id"
        let places = try table.places(of: [id, "title", "genres"], in: "movies.csv of MovieLens")
        try session.read(table) { table, builder in
            let item = ItemID(try table.identifier(places[0]))
            let (title, genres) = (try table.text(places[1]), try table.text(places[2]))
            builder.setTitle(title, for: item)
            let names = genres == Self.noGenres ? [] : genres.split(separator: "|").map(String.init)
            builder.setItemFeature("genre", names, for: item)
        }
    }

    private func read(users: URL, into session: inout ImportSession) throws {
        let columns = ["user_id", "gender", "age", "occupation", "zip_code"]
        let table = try session.table(users, "::", columns: columns, usual: .utf8OrLatin1)
        try session.read(table) { table, builder in
            let user = UserID(try table.identifier(0))
            let values = try (1...3).map { try table.text($0) }
            for (name, value) in zip(columns[1...3], values) where !value.isEmpty {
                builder.setUserFeature(name, [value], for: user)
            }
        }
    }
}
