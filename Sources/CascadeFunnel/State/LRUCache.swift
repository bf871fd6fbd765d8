// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A dictionary of bounded size that forgets what was not used for longest.
///
/// The values form a ring by their last use, linked by their places in one array; every operation takes constant time.
package struct LRUCache<Key: Hashable, Value> {
    private struct Node {
        var key: Key
        var value: Value
        var newer: Int
        var older: Int
    }

    private let capacity: Int
    private var nodes: [Node] = []
    private var places: [Key: Int] = [:]
    private var newest = 0

    /// Starts empty.
    package init(capacity: Int) { self.capacity = max(1, capacity) }

    package var count: Int { nodes.count }

    /// The value, which counts as used now; nil when it is not there, or no longer.
    package mutating func use(_ key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        touch(place)
        return nodes[place].value
    }

    /// Changes the value in its place, which counts as no use; does nothing when it is not there.
    package mutating func change(_ key: Key, _ change: (inout Value) -> Void) {
        guard let place = places[key] else { return }
        change(&nodes[place].value)
    }

    /// Puts a value in, used now, and forgets the one that was not used for longest when there are too many.
    package mutating func insert(_ key: Key, _ value: Value) {
        if let place = places[key] {
            nodes[place].value = value
            return touch(place)
        }
        if nodes.count == capacity { remove(nodes[nodes[newest].newer].key) }
        let place = nodes.count
        if place == 0 {
            nodes.append(Node(key: key, value: value, newer: 0, older: 0))
        } else {
            nodes.append(Node(key: key, value: value, newer: place, older: place))
            link(place)
        }
        places[key] = place
        newest = place
    }

    /// Forgets everything.
    package mutating func removeAll() {
        nodes = []
        places = [:]
        newest = 0
    }

    /// Forgets a value.
    package mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        unlink(place)
        if newest == place { newest = nodes[place].older }
        // The last node moves into the hole.
        let last = nodes.count - 1
        if place != last {
            let moved = nodes[last]
            places[moved.key] = place
            nodes[place] = moved
            if moved.newer == last {
                (nodes[place].newer, nodes[place].older) = (place, place)
            } else {
                nodes[moved.newer].older = place
                nodes[moved.older].newer = place
            }
            if newest == last { newest = place }
        }
        nodes.removeLast()
        if nodes.isEmpty { newest = 0 }
    }

    private mutating func touch(_ place: Int) {
        guard place != newest else { return }
        unlink(place)
        link(place)
        newest = place
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (nodes[place].newer, nodes[place].older)
        nodes[newer].older = older
        nodes[older].newer = newer
    }

    /// Puts a node between the newest and the oldest, which follow one another in the ring.
    private mutating func link(_ place: Int) {
        let oldest = nodes[newest].newer
        (nodes[place].older, nodes[place].newer) = (newest, oldest)
        nodes[newest].newer = place
        nodes[oldest].older = place
    }
}
