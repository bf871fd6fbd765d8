// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing ml-1m")
struct ImporterMovieLensTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private let expected = [
        Event(user: "1", item: "20", action: .rating, time: 100, value: 3),
        Event(user: "1", item: "10", action: .rating, time: 200, value: 5),
        Event(user: "2", item: "10", action: .rating, time: 50, value: 1),
    ]

    private func writeSides(latin1: Bool) throws {
        let accent: [UInt8] = latin1 ? [0xE9] : Array("é".utf8)
        let movies =
            Array("10::Les Mis".utf8) + accent + Array("rables: I (1995)::Drama|Musical\n20::Heat::Action\n".utf8)
        _ = try sources.file("movies.dat", movies)
        _ = try sources.file("users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n")
    }

    private func checkSides(_ dataset: Dataset) throws {
        let first = try dataset.itemIndex("10")
        #expect(dataset.title(first) == "Les Misérables: I (1995)")
        #expect(dataset.itemFeature("genre")?.values(of: first.rawValue) == ["Drama", "Musical"])
        let user = try dataset.userIndex("2").rawValue
        #expect(dataset.userFeature("gender")?.values(of: user) == ["M"])
        #expect(dataset.userFeature("age")?.values(of: user) == ["56"])
        #expect(dataset.userFeature("occupation")?.values(of: user) == ["16"])
        #expect(dataset.manifest.vocabularies.count == 4)
        #expect(dataset.userCount == 2)
    }

    @Test("reads the original files from their folder, Latin-1 titles too")
    func readsOriginal() throws {
        _ = try sources.file("ratings.dat", "1::10::5::200\n1::20::3::100\n2::10::1::50\n")
        try writeSides(latin1: true)
        let report = try sources.importing("ml-1m", sources.folder.url)
        #expect(report.dataset.allEvents() == expected)
        #expect(report.rowsRead == 8)
        try checkSides(report.dataset)
    }

    @Test("reads the compressed table, whatever else it has, and UTF-8 titles")
    func readsTable() throws {
        let text = "user_id,movie_id,rating,timestamp,exact\n1,10,5,200,1\n1,20,3,100,x\n2,10,1,50,0\n"
        let ratings = try sources.file("ratings.csv.gz", gzip(Array(text.utf8)))
        try writeSides(latin1: false)
        let files = [ratings, sources.folder.file("movies.dat"), sources.folder.file("users.dat")]
        let dataset = try sources.importing("ml-1m", files[0], files[1], files[2]).dataset
        #expect(dataset.allEvents() == expected)
        try checkSides(dataset)
    }

    @Test("does without movies and users")
    func readsRatingsAlone() throws {
        let ratings = try sources.file("ratings.dat", "1::10::5::200\n")
        let dataset = try sources.importing("ml-1m", ratings).dataset
        #expect(dataset.manifest.vocabularies.isEmpty)
        #expect(dataset.title(ItemIndex(0)) == "10")
    }

    @Test("names the line when the ratings are cut off")
    func findsTruncation() throws {
        let ratings = try sources.file("ratings.dat", "1::10::5::200\n1::20::3")
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing("ml-1m", ratings) }
        #expect(
            error?.description.contains(
                "ratings.dat:2: found 3 columns, expected 4 (the file ends here: was it cut off?)"
            )
                == true
        )
        #expect(try sources.names() == ["ratings.dat"])
    }

    @Test(
        "reads the layouts of today, by any of their names",
        arguments: ["ml-1m", "ml-20m", "ml-25m", "ml-32m", "ml-latest"]
    )
    func readsTodays(_ format: String) throws {
        let folder = sources.folder
        _ = try sources.file("ratings.csv", "userId,movieId,rating,timestamp\r\n1,10,4.5,200\r\n1,20,0.5,100\r\n")
        _ = try sources.file(
            "movies.csv",
            "movieId,title,genres\r\n10,\"Misérables, Les (1995)\",Drama|War\r\n20,Heat (1995),(no genres listed)\r\n"
        )
        _ = try sources.file("tags.csv", "userId,movieId,tag,timestamp\r\n")
        _ = try sources.file("links.csv", "movieId,imdbId,tmdbId\r\n")
        let report = try sources.importing(format, folder.url)
        let dataset = report.dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "1", item: "20", action: .rating, time: 100, value: 0.5),
                Event(user: "1", item: "10", action: .rating, time: 200, value: 4.5),
            ]
        )
        #expect(dataset.manifest.provenance["format"] == format)
        let (film, other) = (try dataset.itemIndex("10"), try dataset.itemIndex("20"))
        #expect([film, other].map { dataset.title($0) } == ["Misérables, Les (1995)", "Heat (1995)"])
        #expect(dataset.itemFeature("genre")?.values(of: film.rawValue) == ["Drama", "War"])
        #expect(dataset.itemFeature("genre")?.values(of: other.rawValue) == [])
        #expect(dataset.userFeatureNames.isEmpty)
        #expect(report.remarks.map(\.text).contains("left out, since no model reads them: tags.csv, links.csv"))
    }

    @Test("reads 10M: half stars, titles in UTF-8, no users, also compressed")
    func reads10M() throws {
        _ = try sources.file("ratings.dat.gz", gzip(Array("1::10::4.5::838985046\n1::20::3::838985047\n".utf8)))
        _ = try sources.file(
            "movies.dat",
            "10::Misérables, Les (1995)::Drama|War\n20::Heat (1995)::(no genres listed)\n"
        )
        let dataset = try sources.importing("ml-10m", sources.folder.url).dataset
        #expect(dataset.allEvents().map(\.value) == [4.5, 3])
        #expect(dataset.title(try dataset.itemIndex("10")) == "Misérables, Les (1995)")
        #expect(dataset.itemFeature("genre")?.vocabulary == ["Drama", "War"])
    }

    @Test("says that titles are missing where there are no movies")
    func saysMissingTitles() throws {
        let ratings = try sources.file("ratings.csv", "userId,movieId,rating,timestamp\n1,10,5,200\n")
        let remarks = try sources.importing("ml-latest", ratings).remarks.map(\.text)
        #expect(remarks.contains("ratings.csv: titles and genres are left out, for want of movies.dat or movies.csv"))
    }
}
