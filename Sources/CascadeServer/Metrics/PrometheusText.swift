// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The labels of a series, in order.
struct MetricLabels: Hashable {
    private let pairs: [String]

    init(_ dimensions: [(String, String)]) {
        pairs = dimensions.sorted { $0.0 < $1.0 }.map { Self.pair($0.0, $0.1) }
    }

    private init(pairs: [String]) { self.pairs = pairs }

    /// The same with one more.
    func adding(_ name: String, _ value: String) -> MetricLabels {
        MetricLabels(pairs: pairs + [Self.pair(name, value)])
    }

    /// `{name="value",…}`, or nothing.
    var text: String { pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}" }

    private static func pair(_ name: String, _ value: String) -> String {
        "\(PrometheusText.name(name, colons: false))=\"\(PrometheusText.escape(value))\""
    }
}

/// The parts of Prometheus's text format, version 0.0.4.
enum PrometheusText {
    /// The content type of the format.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A label's value, with what the format reserves escaped.
    static func escape(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A name made of what the format allows: letters, digits, underscores and, for metrics, colons.
    static func name(_ text: String, colons: Bool = true) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let plain = scalar.isASCII && (scalar.properties.isAlphabetic || (scalar.value >= 48 && scalar.value <= 57))
            result.unicodeScalars.append(plain || scalar == "_" || (colons && scalar == ":") ? scalar : "_")
        }
        return result.first?.isNumber ?? true ? "_\(result)" : result
    }

    /// A value.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }
}
