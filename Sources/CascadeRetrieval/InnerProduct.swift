// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Inner products of rows of float32.
///
/// Whatever the number of rows, each product is summed in the same order, so that equal vectors have equal scores.
enum InnerProduct {
    private typealias Part = SIMD4<Float>

    /// The inner product of two rows.
    @inline(__always)
    static func one(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ dimension: Int) -> Float {
        var sum = Part()
        var place = 0
        while place + 4 <= dimension {
            sum += part(a, place) * part(b, place)
            place += 4
        }
        return finish(sum, a, b, from: place, to: dimension)
    }

    /// Vectors of items, one behind the other.
    struct Rows {
        let start: UnsafePointer<Float>
        let count: Int
        let dimension: Int
    }

    /// Products of every row with every item: `scores[row * stride + item]`.
    static func all(
        _ rows: [UnsafePointer<Float>],
        with items: Rows,
        into scores: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        var row = 0
        // Eight sums at once fill the processor's pipelines: four rows by two items, or one row by eight items.
        while row + 4 <= rows.count {
            fourRows(
                (rows[row], rows[row + 1], rows[row + 2], rows[row + 3]),
                with: items,
                into: scores + row * stride,
                stride: stride
            )
            row += 4
        }
        while row < rows.count {
            oneRow(rows[row], with: items, into: scores + row * stride)
            row += 1
        }
    }

    private typealias Row = UnsafePointer<Float>

    private static func fourRows(
        _ rows: (Row, Row, Row, Row),
        with others: Rows,
        into scores: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        let (a, b, c, d) = rows
        let (items, itemCount, dimension) = (others.start, others.count, others.dimension)
        var item = 0
        while item + 2 <= itemCount {
            let x = items + item * dimension
            let y = x + dimension
            var (ax, bx, cx, dx) = (Part(), Part(), Part(), Part())
            var (ay, by, cy, dy) = (Part(), Part(), Part(), Part())
            var place = 0
            while place + 4 <= dimension {
                let (p, q) = (part(x, place), part(y, place))
                let (ra, rb, rc, rd) = (part(a, place), part(b, place), part(c, place), part(d, place))
                ax += ra * p
                ay += ra * q
                bx += rb * p
                by += rb * q
                cx += rc * p
                cy += rc * q
                dx += rd * p
                dy += rd * q
                place += 4
            }
            scores[item] = finish(ax, a, x, from: place, to: dimension)
            scores[item + 1] = finish(ay, a, y, from: place, to: dimension)
            scores[stride + item] = finish(bx, b, x, from: place, to: dimension)
            scores[stride + item + 1] = finish(by, b, y, from: place, to: dimension)
            scores[2 * stride + item] = finish(cx, c, x, from: place, to: dimension)
            scores[2 * stride + item + 1] = finish(cy, c, y, from: place, to: dimension)
            scores[3 * stride + item] = finish(dx, d, x, from: place, to: dimension)
            scores[3 * stride + item + 1] = finish(dy, d, y, from: place, to: dimension)
            item += 2
        }
        guard item < itemCount else { return }
        let x = items + item * dimension
        scores[item] = one(a, x, dimension)
        scores[stride + item] = one(b, x, dimension)
        scores[2 * stride + item] = one(c, x, dimension)
        scores[3 * stride + item] = one(d, x, dimension)
    }

    private static func oneRow(_ a: Row, with others: Rows, into scores: UnsafeMutablePointer<Float>) {
        let (items, itemCount, dimension) = (others.start, others.count, others.dimension)
        var item = 0
        while item + 4 <= itemCount {
            let x = items + item * dimension
            var (s0, s1, s2, s3) = (Part(), Part(), Part(), Part())
            var place = 0
            while place + 4 <= dimension {
                let r = part(a, place)
                s0 += r * part(x, place)
                s1 += r * part(x, dimension + place)
                s2 += r * part(x, 2 * dimension + place)
                s3 += r * part(x, 3 * dimension + place)
                place += 4
            }
            scores[item] = finish(s0, a, x, from: place, to: dimension)
            scores[item + 1] = finish(s1, a, x + dimension, from: place, to: dimension)
            scores[item + 2] = finish(s2, a, x + 2 * dimension, from: place, to: dimension)
            scores[item + 3] = finish(s3, a, x + 3 * dimension, from: place, to: dimension)
            item += 4
        }
        while item < itemCount {
            scores[item] = one(a, items + item * dimension, dimension)
            item += 1
        }
    }

    @inline(__always)
    private static func part(_ row: UnsafePointer<Float>, _ place: Int) -> Part {
        UnsafeRawPointer(row + place).loadUnaligned(as: Part.self)
    }

    /// Adds the four sums and the products of what is left behind `place`.
    @inline(__always)
    private static func finish(_ sum: Part, _ a: Row, _ b: Row, from place: Int, to dimension: Int) -> Float {
        let pair = sum.lowHalf + sum.highHalf
        var total = pair.x + pair.y
        for rest in place..<dimension { total += a[rest] * b[rest] }
        return total
    }
}
