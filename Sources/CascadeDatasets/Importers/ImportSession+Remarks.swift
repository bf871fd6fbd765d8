// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension ImportSession {
    /// Says what is odd about what was read: ids, missing times, words of actions, options without effect.
    mutating func remarkOnContents() {
        if let summary = words.summary {
            say("actions: \(summary)")
            builder.note("actions.words", summary)
        }
        if words.droppedCount > 0 { builder.note("rows.dropped-actions", String(words.droppedCount)) }
        remark(on: OddIdentifiers(builder.users), "user") { columns in columns.users }
        remark(on: OddIdentifiers(builder.items), "item") { columns in columns.items }
        if builder.eventCount > 0, builder.columns.times.allSatisfy({ $0 == 0 }) {
            warn(
                """
                there are no times: events keep the order of the rows, and the last row of a user counts as the latest. \
                A file that is not sorted by time, oldest first, gives wrong histories and a wrong leave-one-out split; \
                \(readsFreeColumns ? "name the column of times with --time-column, or sort the file" : "sort the file").
                """
            )
        }
        let columns = options.columns
        for (option, names) in [
            ("ignore", columns.ignored), ("categorical", columns.categorical), ("numeric", columns.numeric),
        ] {
            for name in names where !seenColumns.contains(ByteString(name)) {
                warn(
                    "--\(option)-column '\(name)': no file has a column of that name. Check the spelling, or leave it out."
                )
            }
        }
    }

    private mutating func remark(
        on odd: OddIdentifiers,
        _ kind: String,
        _ column: (EventColumns) -> [Int32]
    ) {
        func ids(_ finding: OddIdentifiers.Finding) -> String {
            "\(finding.count) \(kind) id\(finding.count == 1 ? "" : "s")"
        }
        var findings: [(key: String, finding: OddIdentifiers.Finding, text: String)] = []
        findings.append(
            (
                "padded", odd.padded,
                "\(ids(odd.padded)) with spaces around, such as \(odd.padded.example): kept as they are. Pass --trim to cut them."
            )
        )
        findings.append(
            (
                "decimal", odd.decimal,
                """
                \(ids(odd.decimal)) with '.0' beside the same number without, such as \(odd.decimal.example): kept apart. \
                Write the column as whole numbers in every file.
                """
            )
        )
        let numbers = Set(odd.missingNumbers.map(Int32.init))
        let rows = numbers.isEmpty ? 0 : column(builder.columns).count { numbers.contains($0) }
        findings.append(
            (
                "missing", odd.missing,
                """
                \(ids(odd.missing)) that read\(odd.missing.count == 1 ? "s" : "") like a missing value, such as \(odd.missing.example), with \(rows) events: \
                kept as an ordinary \(kind). Take such rows out of the source.
                """
            )
        )
        findings.append(
            (
                "control", odd.control,
                """
                \(ids(odd.control)) with control characters, such as \(odd.control.example): a service refuses them. Clean \
                the source.
                """
            )
        )
        findings.append(
            (
                "twins", odd.twins,
                """
                \(ids(odd.twins)) that \(odd.twins.count == 1 ? "differs" : "differ") from another in upper and lower case or \
                Unicode form alone, such as \(odd.twins.example): kept apart. Make the source agree if they are the same.
                """
            )
        )
        for (key, finding, text) in findings where finding.count > 0 {
            warn(text)
            builder.note("\(kind)s.\(key)", "\(finding.count), such as \(finding.example)")
        }
        remark(longest: odd.longest, kind)
    }

    private mutating func remark(longest: Int, _ kind: String) {
        guard longest > IdentifierLimits.usual else { return }
        let advice =
            longest > IdentifierLimits.highest
            ? "no service takes more than \(IdentifierLimits.highest); give them shorter ids"
            : "set server.limits.id_bytes to \(longest) or more in the configuration of the service"
        warn(
            "the longest \(kind) id has \(longest) bytes, and a service takes \(IdentifierLimits.usual) unless told otherwise: \(advice)."
        )
        builder.note("\(kind)s.longest", "\(longest) bytes")
    }
}
