// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension TimeUnit {
    /// The unit that all of the fields agree on, or nil when none is certain.
    ///
    /// A date is one in the way it is written; a number is seconds, milliseconds and so on when that makes it a time from
    /// 1990 to 2099. Small numbers, as of a counter, have no certain unit. Empty fields and 0 say nothing.
    ///
    /// - Parameters:
    ///   - fields: The first fields of a column of times.
    ///   - name: The column's name: whole numbers of a column called `day` are days.
    static func detected(in fields: some Sequence<String>, column name: String) -> TimeUnit? {
        let told = fields.filter { !$0.isEmpty && $0 != "0" }
        guard let first = told.first.flatMap(likely) else {
            guard !told.isEmpty, let word = ColumnName.words(name).last, ["day", "days"].contains(word),
                told.allSatisfy({ Int($0).map { (-200_000...200_000).contains($0) } ?? false })
            else { return nil }
            return .days
        }
        return told.allSatisfy { likely($0) == first } ? first : nil
    }

    /// The unit in which a field is a time from 1990 to 2099, or nil when there is none.
    ///
    /// Eight digits are a date only when that is from 1970 to 2099.
    static func likely(_ field: String) -> TimeUnit? {
        var field = field
        return field.withUTF8 { field in
            let unit = likely(field.trimmed)
            guard unit == .iso8601, field.trimmed.integer() != nil else { return unit }
            return unit?.timestamp(field.trimmed).flatMap { (0..<4_102_444_800).contains($0.seconds) ? unit : nil }
        }
    }

    /// What the unit is called in a sentence about a column.
    var label: String { self == .iso8601 ? "dates" : rawValue }
}
