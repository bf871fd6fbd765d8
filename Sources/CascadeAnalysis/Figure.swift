// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What an analysis finds: tables, and how to draw them.
public struct Figure: Sendable {
    /// The name of its files.
    public var name: String
    /// What stands above the picture.
    public var title: String
    /// What is seen, how it was measured, and where the idea comes from.
    public var caption: String
    /// The numbers; the picture shows nothing that is not here.
    public var tables: [Table]
    /// The parts of the picture, side by side.
    public var panels: [Panel]

    init(_ card: AnalysisCard, title: String, caption: String, tables: [Table], panels: [Panel]) {
        (name, self.title) = (card.name, title)
        self.caption = caption + (card.source == "Cascade" ? "" : " Source: \(card.source).")
        (self.tables, self.panels) = (tables, panels)
    }
}

/// One entry of a table.
public enum Cell: Sendable, Equatable {
    case text(String)
    case number(Double)
    /// Nothing is known.
    case none

    static func count(_ value: Int) -> Cell { .number(Double(value)) }

    /// The number; nil for anything else, and for what is not finite.
    var number: Double? { if case .number(let value) = self, value.isFinite { value } else { nil } }
}

/// Rows of named columns.
public struct Table: Sendable {
    /// A column's name, and the unit of its numbers.
    public struct Column: Sendable, Equatable {
        /// Unique in its table.
        public let name: String
        /// What its numbers count or measure; empty for text.
        public let unit: String

        init(_ name: String, _ unit: String = "") { (self.name, self.unit) = (name, unit) }

        /// Name and unit.
        var label: String { unit.isEmpty ? name : "\(name) (\(unit))" }
    }

    /// The name of its file.
    public let name: String
    /// The columns, in order.
    public let columns: [Column]
    /// Every row has one cell per column.
    public private(set) var rows: [[Cell]] = []

    init(_ name: String, _ columns: [Column]) { (self.name, self.columns) = (name, columns) }

    mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "a row of \(cells.count) cells in \(columns.count) columns")
        rows.append(cells)
    }

    func index(_ column: String) -> Int {
        guard let index = columns.firstIndex(where: { $0.name == column }) else {
            preconditionFailure("the table \(name) has no column '\(column)'")
        }
        return index
    }

    /// The texts of a column in the order of their first appearance; none without a column.
    fileprivate func texts(_ column: String?) -> [String] {
        var found: [String] = []
        guard let index = column.map(index) else { return [] }
        for case .text(let text) in rows.map({ $0[index] }) { _ = found.number(of: text) }
        return found
    }

    /// The cells of a column.
    func column(_ name: String) -> [Cell] {
        let index = index(name)
        return rows.map { $0[index] }
    }
}

/// A part of a picture: some columns of a table in one pair of axes.
public struct Panel: Sendable, Encodable {
    /// How points are drawn.
    public enum Kind: String, Sendable, Encodable {
        case line, bar, points
    }

    /// One axis.
    public struct Axis: Sendable, Encodable {
        /// What it measures, with the unit.
        var label: String
        var isLogarithmic = false
        /// The names of the positions from 0 where the axis has categories in place of numbers.
        var categories: [String]?
    }

    /// Points of one color and style.
    public struct Series: Sendable, Encodable {
        var name: String
        /// Numbers of the color, equal for what belongs together, and of the style of the line.
        var color = 0
        var style = 0
        var x: [Double] = []
        var y: [Double] = []
        /// The ends of the error band, one for each point; empty without one.
        var low: [Double] = []
        var high: [Double] = []
    }

    let kind: Kind
    let title: String
    var x: Axis
    var y: Axis
    private(set) var series: [Series] = []

    /// Draws columns of a table.
    ///
    /// - Parameters:
    ///   - kind: Lines, bars or points.
    ///   - title: What tells the panel from others; empty for a lone one.
    ///   - table: Rows whose `x` or `y` is missing are left out.
    ///   - x: The column along the horizontal axis: numbers, or text in the order of its first appearance.
    ///   - y: The column up the vertical axis: numbers.
    ///   - band: The columns with the ends of the error band.
    ///   - color: The text column whose values have colors of their own.
    ///   - style: The text column whose values have line styles of their own.
    ///   - isLogarithmic: Whether the horizontal axis is.
    ///   - filter: Columns and the text that rows must have there.
    init(
        _ kind: Kind,
        _ title: String = "",
        of table: Table,
        x: String,
        y: String,
        band: (low: String, high: String)? = nil,
        color: String? = nil,
        style: String? = nil,
        isLogarithmic: Bool = false,
        where filter: [String: String] = [:]
    ) {
        (self.kind, self.title) = (kind, title)
        self.x = Axis(label: table.columns[table.index(x)].label, isLogarithmic: isLogarithmic)
        self.y = Axis(label: table.columns[table.index(y)].label)
        let columns = (
            x: table.index(x), y: table.index(y), color: color.map(table.index), style: style.map(table.index)
        )
        let ends = band.map { (low: table.index($0.low), high: table.index($0.high)) }
        // Numbered over the whole table, so that a name looks the same in all of its panels.
        var (colors, styles, categories) = (table.texts(color), table.texts(style), [String]())
        for row in table.rows {
            let isKept = filter.allSatisfy { row[table.index($0.key)] == .text($0.value) }
            guard isKept, let height = row[columns.y].number else { continue }
            let place: Double
            switch row[columns.x] {
            case .text(let name): place = Double(categories.number(of: name))
            case .number(let value) where value.isFinite: place = value
            default: continue
            }
            let names = [columns.color, columns.style].map { column -> String? in
                if let column, case .text(let name) = row[column] { name } else { nil }
            }
            let numbers = (names[0].map { colors.number(of: $0) } ?? 0, names[1].map { styles.number(of: $0) } ?? 0)
            let name = names.compactMap { $0 }.joined(separator: ": ")
            let index = series.firstIndex { $0.name == name } ?? series.endIndex
            if index == series.endIndex { series.append(Series(name: name, color: numbers.0, style: numbers.1)) }
            series[index].x.append(place)
            series[index].y.append(height)
            guard let ends else { continue }
            series[index].low.append(row[ends.low].number ?? height)
            series[index].high.append(row[ends.high].number ?? height)
        }
        if !categories.isEmpty { self.x.categories = categories }
    }
}

extension [String] {
    /// The position of a name, which is added when it is new.
    fileprivate mutating func number(of name: String) -> Int {
        if let index = firstIndex(of: name) { return index }
        append(name)
        return count - 1
    }
}
