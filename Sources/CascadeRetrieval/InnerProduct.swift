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
        return finish(sum, a, b, place, dimension)
    }

    /// Products of every row with every item: `scores[row * stride + item]`.
    static func all(
        _ rows: [UnsafePointer<Float>],
        _ items: UnsafePointer<Float>,
        _ itemCount: Int,
        _ dimension: Int,
        _ scores: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        var row = 0
        // Eight sums at once fill the processor's pipelines: four rows by two items, or one row by eight items.
        while row + 4 <= rows.count {
            fourRows(
                rows[row],
                rows[row + 1],
                rows[row + 2],
                rows[row + 3],
                items,
                itemCount,
                dimension,
                scores + row * stride,
                stride
            )
            row += 4
        }
        while row < rows.count {
            oneRow(rows[row], items, itemCount, dimension, scores + row * stride)
            row += 1
        }
    }

    private static func fourRows(
        _ a: UnsafePointer<Float>,
        _ b: UnsafePointer<Float>,
        _ c: UnsafePointer<Float>,
        _ d: UnsafePointer<Float>,
        _ items: UnsafePointer<Float>,
        _ itemCount: Int,
        _ dimension: Int,
        _ scores: UnsafeMutablePointer<Float>,
        _ stride: Int
    ) {
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
            scores[item] = finish(ax, a, x, place, dimension)
            scores[item + 1] = finish(ay, a, y, place, dimension)
            scores[stride + item] = finish(bx, b, x, place, dimension)
            scores[stride + item + 1] = finish(by, b, y, place, dimension)
            scores[2 * stride + item] = finish(cx, c, x, place, dimension)
            scores[2 * stride + item + 1] = finish(cy, c, y, place, dimension)
            scores[3 * stride + item] = finish(dx, d, x, place, dimension)
            scores[3 * stride + item + 1] = finish(dy, d, y, place, dimension)
            item += 2
        }
        guard item < itemCount else { return }
        let x = items + item * dimension
        scores[item] = one(a, x, dimension)
        scores[stride + item] = one(b, x, dimension)
        scores[2 * stride + item] = one(c, x, dimension)
        scores[3 * stride + item] = one(d, x, dimension)
    }

    private static func oneRow(
        _ a: UnsafePointer<Float>,
        _ items: UnsafePointer<Float>,
        _ itemCount: Int,
        _ dimension: Int,
        _ scores: UnsafeMutablePointer<Float>
    ) {
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
            scores[item] = finish(s0, a, x, place, dimension)
            scores[item + 1] = finish(s1, a, x + dimension, place, dimension)
            scores[item + 2] = finish(s2, a, x + 2 * dimension, place, dimension)
            scores[item + 3] = finish(s3, a, x + 3 * dimension, place, dimension)
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
    private static func finish(
        _ sum: Part,
        _ a: UnsafePointer<Float>,
        _ b: UnsafePointer<Float>,
        _ place: Int,
        _ dimension: Int
    ) -> Float {
        let pair = sum.lowHalf + sum.highHalf
        var total = pair.x + pair.y
        for rest in place..<dimension { total += a[rest] * b[rest] }
        return total
    }
}
