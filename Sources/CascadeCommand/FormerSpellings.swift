// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Commands, options and values that had other names before; they still work, with a notice.
enum FormerSpellings {
    /// An option of a command, or a value of it.
    private struct Option {
        let command: [String]
        let former: String
        let now: String
        /// Values that had other names; a list with commas holds any of them.
        var values: [String: String] = [:]
    }

    private static let commands: [(former: [String], now: [String])] = [
        (["experiment"], ["ab"]), (["bench", "search"], ["bench", "gsu"]),
    ]

    private static let options = [
        Option(command: ["index", "build"], former: "--ef", now: "--ef-search"),
        Option(command: ["index", "build"], former: "--lists", now: "--nlist"),
        Option(command: ["index", "build"], former: "--probes", now: "--nprobe"),
        Option(command: ["index", "build"], former: "--code-bytes", now: "--pq-bytes"),
        Option(command: ["index", "build"], former: "--kind", now: "--kind", values: ["exact": "flat"]),
        Option(command: ["bench", "index"], former: "--ef", now: "--ef-search"),
        Option(command: ["bench", "index"], former: "--lists", now: "--nlist"),
        Option(command: ["bench", "index"], former: "--probes", now: "--nprobe"),
        Option(command: ["bench", "index"], former: "--kinds", now: "--kinds", values: ["exact": "flat"]),
        Option(command: ["data", "simulate"], former: "--world", now: "--simulator"),
        Option(command: ["data", "import"], former: "--shown-columns", now: "--impression-columns"),
    ]

    /// Arguments with today's names, and one notice for each old one.
    ///
    /// - Parameter arguments: What follows the program's name.
    static func renew(_ arguments: [String]) -> (arguments: [String], notices: [String]) {
        var (arguments, notices) = (arguments, [String]())
        for (former, now) in commands where arguments.starts(with: former) {
            arguments.replaceSubrange(..<former.count, with: now)
            notices.append(notice("cascade \(former.joined(separator: " "))", "cascade \(now.joined(separator: " "))"))
        }
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        for option in options where arguments.starts(with: option.command) {
            for index in option.command.count..<max(end, option.command.count) {
                let parts = arguments[index].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts[0] == option.former else { continue }
                if option.former != option.now {
                    arguments[index] = ([option.now] + parts.dropFirst().map(String.init)).joined(separator: "=")
                    notices.append(notice(option.former, option.now))
                }
                if parts.count > 1 {
                    let value = renew(String(parts[1]), of: option, &notices)
                    arguments[index] = "\(option.now)=\(value)"
                } else if index + 1 < end {
                    arguments[index + 1] = renew(arguments[index + 1], of: option, &notices)
                }
            }
        }
        return (arguments, notices)
    }

    private static func renew(_ value: String, of option: Option, _ notices: inout [String]) -> String {
        let parts = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.contains(where: { option.values[$0] != nil }) else { return value }
        let renewed = parts.map { option.values[$0] ?? $0 }.joined(separator: ",")
        notices.append(notice("\(option.former) \(value)", "\(option.now) \(renewed)"))
        return renewed
    }

    private static func notice(_ former: String, _ now: String) -> String {
        "note: '\(former)' is now called '\(now)'; the old name still works."
    }
}
