// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// How much of the truth an index finds, and how fast, beside comparing everything.
public struct IndexQuality: Sendable, Codable, Equatable {
    /// Seconds for one user, one user at a time on one thread.
    public struct Latency: Sendable, Codable, Equatable {
        /// Half of the users waited no longer.
        public let median: Double
        /// Ninety-nine of a hundred users waited no longer.
        public let percentile99: Double
        /// All of them.
        public let mean: Double

        private enum CodingKeys: String, CodingKey {
            case median, mean
            case percentile99 = "p99"
        }

        init(median: Double, percentile99: Double, mean: Double) {
            self.median = median
            self.percentile99 = percentile99
            self.mean = mean
        }

        init(_ seconds: [Double]) {
            let sorted = seconds.sorted()
            // The smallest value that the share does not exceed.
            func percentile(_ share: Double) -> Double {
                sorted.isEmpty ? 0 : sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
            }
            median = percentile(0.5)
            percentile99 = percentile(0.99)
            mean = seconds.reduce(0, +) / Double(max(seconds.count, 1))
        }

        /// Users answered in a second, at the median, which other programs on the machine disturb less than the mean.
        public var perSecond: Double { median > 0 ? 1 / median : 0 }
    }

    /// Whose vectors were asked with.
    public let users: String
    /// How many users were asked for.
    public let userCount: Int
    /// Vectors of each.
    public let interests: Int
    /// Length of the lists `K`.
    public let depth: Int
    /// Share of the exact top `K` that the index finds, averaged over users.
    public let recall: Double
    /// What the index takes.
    public let latency: Latency
    /// What comparing everything takes.
    public let exactLatency: Latency
    /// The processor.
    public let machine: String

    private enum CodingKeys: String, CodingKey {
        case users, interests, depth, recall, machine
        case userCount = "user_count"
        case latency = "latency_seconds"
        case exactLatency = "exact_latency_seconds"
    }

    /// Asks an index and the exact one for the same users.
    ///
    /// - Parameters:
    ///   - index: What is measured.
    ///   - users: Whom to ask for; at least one.
    ///   - description: Whose vectors these are.
    ///   - depth: Length of the lists.
    /// - Throws: ``IndexError`` when the vectors do not fit the index.
    public static func measure(
        _ index: any VectorIndex,
        _ users: QueryVectors,
        _ description: String,
        depth: Int = 100
    ) throws -> IndexQuality {
        try Truth(index.vectors, users, description, depth: depth).measure(index)
    }

    /// The exact answers for some users, which several indexes of the same vectors are compared with.
    public struct Truth: Sendable {
        /// One user each.
        let users: [QueryVectors]
        let depth: Int
        /// What comparing everything takes.
        public let latency: Latency
        private let lists: [[Match]]
        private let exact: FlatIndex
        private let description: String

        /// Compares everything.
        ///
        /// - Parameters:
        ///   - items: The vectors of the catalog.
        ///   - users: Whom to ask for; at least one.
        ///   - description: Whose vectors these are.
        ///   - depth: Length of the lists.
        /// - Throws: ``IndexError`` when the vectors do not fit each other.
        public init(_ items: ItemVectors, _ users: QueryVectors, _ description: String, depth: Int = 100) throws {
            exact = FlatIndex(items)
            self.users = (0..<users.users).map { users.user($0) }
            self.depth = depth
            self.description = description
            (lists, latency) = try Truth.ask(exact, self.users, depth)
        }

        /// Asks another index for the same users.
        ///
        /// An item counts as found where its exact score reaches the last score of the exact list, so that which of
        /// several equal items was returned makes no difference.
        ///
        /// - Throws: ``IndexError`` when the vectors do not fit the index.
        public func measure(_ index: any VectorIndex) throws -> IndexQuality {
            let (found, own) = try Truth.ask(index, users, depth)
            let recalls = zip(users, zip(found, lists)).map { user, lists in
                recall(of: lists.0, user, last: lists.1.last?.score ?? 0, count: lists.1.count, exact)
            }
            return IndexQuality(
                users: description,
                userCount: users.count,
                interests: users.first?.interests ?? 0,
                depth: min(depth, index.count),
                recall: recalls.reduce(0, +) / Double(max(recalls.count, 1)),
                latency: own,
                exactLatency: latency,
                machine: Machine.processor
            )
        }

        private static func ask(_ index: any VectorIndex, _ users: [QueryVectors], _ depth: Int) throws -> (
            [[Match]], Latency
        ) {
            // The first questions bring the index into the caches.
            for user in users.prefix(10) { _ = try index.search(user, limit: depth, allowing: []) }
            var seconds: [Double] = []
            let clock = ContinuousClock()
            let lists = try users.map { user in
                let start = clock.now
                let list = try index.search(user, limit: depth, allowing: [])[0]
                seconds.append((clock.now - start) / .seconds(1))
                return list
            }
            return (lists, Latency(seconds))
        }
    }

    private static func recall(of list: [Match], _ user: QueryVectors, last: Float, count: Int, _ exact: FlatIndex)
        -> Double
    {
        guard count > 0 else { return 1 }
        let hits = user.values.withUnsafeBufferPointer { values in
            values.baseAddress.map { query in
                list.count { exact.score(query, interests: user.interests, item: $0.item.rawValue) >= last }
            } ?? 0
        }
        return Double(min(hits, count)) / Double(count)
    }
}

/// The machine that this runs on.
enum Machine {
    /// The processor's name and how many of them there are.
    static var processor: String {
        // The system says that this file has no bytes, so it is read to its end instead of by its size.
        let data = try? FileHandle(forReadingAtPath: "/proc/cpuinfo")?.readToEnd()
        let lines = String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("model name") }
        let name = line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown processor"
        return "\(name), \(ProcessInfo.processInfo.activeProcessorCount) processors, \(VectorInstructions.best)"
    }
}
