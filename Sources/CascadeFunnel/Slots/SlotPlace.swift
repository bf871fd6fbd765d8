// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Foundation

/// Where the content of a slot lies, with links followed: what is needed to load the same again.
struct SlotPlace: Sendable, Equatable, Codable {
    var path: String
    var index: String?
    var data: String?

    /// The folders of a promotion.
    init(_ place: Promotion.Place) { (path, index, data) = (place.path, place.index, place.data) }

    /// Where a slot's folders are now.
    init(_ slot: SlotConfiguration) {
        func followed(_ path: String) -> String {
            URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        }
        path = followed(slot.path)
        index = slot.index.map(followed)
        data = slot.data.map(followed)
    }
}

/// A version that serves in a slot, or did, and where it lies.
struct PlacedVersion: Sendable, Equatable, Codable {
    var place: SlotPlace
    var version: String
}

extension SlotConfiguration {
    /// The slot with what lies in another place.
    func at(_ place: SlotPlace) -> SlotConfiguration {
        var other = self
        (other.path, other.index, other.data) = (place.path, place.index, place.data)
        return other
    }
}
