// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The files of MovieLens-1M: ratings with titles and genres of movies, and gender, age and occupation of users.
///
/// Ratings are read from GroupLens's own `ratings.dat`, or from a CSV file with the columns user_id, movie_id, rating
/// and timestamp; further columns of the CSV file are not used. Item feature: `genre`. User features: `gender`, `age`
/// (the source's codes of age groups) and `occupation` (the source's codes).
///
/// - Source: F. M. Harper and J. A. Konstan 2015, The MovieLens Datasets, ACM TiiS 5(4); layout as in the archive's README.
struct MovieLensFiles {
    private static let ratingNames = ["ratings.dat", "ratings.dat.gz", "ratings.csv", "ratings.csv.gz"]
    private static let movieNames = ["movies.dat", "movies.dat.gz"]
    private static let userNames = ["users.dat", "users.dat.gz"]

    private let ratings: URL
    private let movies: URL?
    private let users: URL?

    /// Looks for the files among the paths, and in those that are folders.
    init(_ paths: [URL]) throws {
        func first(of names: [String]) -> URL? {
            for name in names {
                for path in paths {
                    if path.lastPathComponent == name { return path }
                    let inside = path.appendingPathComponent(name)
                    if FileManager.default.fileExists(atPath: inside.path) { return inside }
                }
            }
            return nil
        }
        guard let ratings = first(of: Self.ratingNames) else {
            throw DatasetError(
                .notFound,
                """
                \(paths.map(\.path).joined(separator: ", ")): found no ratings; expected a folder with one of \
                \(Self.ratingNames.joined(separator: ", ")), or that file. Check the path.
                """
            )
        }
        self.ratings = ratings
        movies = first(of: Self.movieNames)
        users = first(of: Self.userNames)
    }

    func read(into session: inout ImportSession) throws {
        let isOriginal = ratings.lastPathComponent.hasPrefix("ratings.dat")
        let table =
            try isOriginal
            ? TableReader(ratings, delimiter: "::", columns: ["user_id", "movie_id", "rating", "timestamp"])
            : TableReader(ratings, delimiter: ",", isQuoting: true)
        var options = ImportOptions()
        (options.columns.user, options.columns.item) = ("user_id", "movie_id")
        (options.columns.value, options.columns.time) = ("rating", "timestamp")
        try session.readEvents(table, EventLayout(of: table, options))
        if let movies { try read(movies: movies, into: &session) }
        if let users { try read(users: users, into: &session) }
    }

    private func read(movies: URL, into session: inout ImportSession) throws {
        let columns = ["movie_id", "title", "genres"]
        let table = try TableReader(movies, delimiter: "::", columns: columns, encoding: .utf8OrLatin1)
        try session.read(table) { table, builder in
            let item = ItemID(try table.identifier(0))
            let (title, genres) = (try table.text(1), try table.text(2))
            builder.setTitle(title, for: item)
            builder.setItemFeature("genre", genres.split(separator: "|").map(String.init), for: item)
        }
    }

    private func read(users: URL, into session: inout ImportSession) throws {
        let columns = ["user_id", "gender", "age", "occupation", "zip_code"]
        let table = try TableReader(users, delimiter: "::", columns: columns, encoding: .utf8OrLatin1)
        try session.read(table) { table, builder in
            let user = UserID(try table.identifier(0))
            let values = try (1...3).map { try table.text($0) }
            for (name, value) in zip(columns[1...3], values) where !value.isEmpty {
                builder.setUserFeature(name, [value], for: user)
            }
        }
    }
}
