// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore

/// What serves in every slot at one moment.
///
/// It never changes: a request takes one and keeps it to its end.
struct Assembly: Sendable {
    /// Something loaded, with the work that it left behind; what replaces it starts without.
    struct Installed: Sendable {
        let loaded: LoadedSlot
        let runner: DeadlineRunner

        var version: String { loaded.version.version }
    }

    private(set) var slots: [String: Installed] = [:]

    subscript(slot: String) -> Installed? { slots[slot] }

    /// The same with another slot.
    func replacing(_ slot: String, with installed: Installed) -> Assembly {
        var other = self
        other.slots[slot] = installed
        return other
    }

    /// The slot to ask for similar items: the one that is named, or the first by name that knows any.
    func similarSlot(named name: String?) -> String? {
        name ?? slots.filter { $0.value.loaded.similar != nil }.keys.min()
    }
}
