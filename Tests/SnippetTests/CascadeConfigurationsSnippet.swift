// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Testing

@Suite("Snippet: CascadeConfigurations")
struct CascadeConfigurationsSnippet {
    @Test("Declares settings with bounds and reads them")
    func shows() throws {
        var message = ""
        // snippet.show
        struct SearchSettings: Settings {
            var limit = 10
            var minScore = 0.5

            static var bounds: [Bound<Self>] { [.within(1...100, \.limit), .unit(\.minScore)] }
        }

        let settings = try SearchSettings(overriding: ["limit": 20], path: "search")
        let keys = try SearchSettings.descriptions().map(\.key)
        do {
            _ = try SearchSettings(overriding: ["limit": 0], path: "search")
        } catch {
            message = "\(error)"  // the key, what was found and what was expected
        }
        // snippet.hide
        #expect(settings.limit == 20 && settings.minScore == 0.5)
        #expect(keys == ["limit", "min_score"])
        #expect(message == "search.limit: found 0, expected a whole number from 1 to 100")
    }
}
