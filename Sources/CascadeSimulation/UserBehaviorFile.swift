// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
public import Foundation

extension Simulator {
    /// The shares of the behaviors in Taobao's own file, about.
    private static let behaviors: [(name: String, share: Double)] = [
        ("pv", 0.896), ("cart", 0.055), ("fav", 0.029), ("buy", 0.02),
    ]

    /// Lets a simulator `lifelong` run and writes its events in the form of Taobao's `UserBehavior.csv`, user after user.
    ///
    /// The file looks like Taobao's to an importer, at any size and in little memory. It is not a data set of this simulator:
    /// the ids are other ones.
    ///
    /// - Parameter url: The file to write; nothing may exist there.
    /// - Returns: The number of rows.
    /// - Throws: ``DatasetError`` `.badOption` when a parameter is out of range or the world is another one,
    ///   `.alreadyExists`; `FileError`.
    public func writeUserBehavior(to url: URL) throws -> Int {
        guard isLifelong else {
            throw DatasetError(
                .badOption,
                "simulator '\(name)' has no categories and times like Taobao's; use lifelong or lifelong-taobao."
            )
        }
        try checkParameters()
        guard !FileManager.default.fileExists(atPath: url.path) else {
            throw DatasetError(
                .alreadyExists,
                "\(url.path): something exists there and is not overwritten. Remove it or choose another path."
            )
        }
        let simulator = LifelongSimulator(items: items, categories: categories, window: window)
        let draw = WeightedDraw(Self.behaviors.map(\.share))
        let names = Self.behaviors.map { Array(",\($0.name),".utf8) }
        var rows = 0
        try DurableFile.write(to: url) { write in
            var text: [UInt8] = []
            for user in 0..<users {
                var visitor = LifelongUser(simulator, user: user, meanEvents: meanEvents, seed: seed)
                var generator = SplitMix64(seed: SplitMix64.mix(seed, 3, UInt64(user)))
                while let (item, time) = visitor.next() {
                    text.append(number: user + 1)
                    text.append(UInt8(ascii: ","))
                    text.append(number: item + 1)
                    text.append(UInt8(ascii: ","))
                    text.append(number: 1_000_000 + simulator.category(of: item))
                    text.append(contentsOf: names[draw.draw(using: &generator)])
                    text.append(number: Int(time))
                    text.append(.lineFeed)
                    rows += 1
                }
                guard text.count >= 1 << 18 || user == users - 1 else { continue }
                try text.withUnsafeBytes { try write($0) }
                text.removeAll(keepingCapacity: true)
            }
        }
        return rows
    }
}

extension [UInt8] {
    /// Appends the decimal digits of a number from 0.
    fileprivate mutating func append(number: Int) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}
