// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// A folder of this program's own.
let folder: URL = {
    let url = FileManager.default.temporaryDirectory.appending(path: "cascade-own-data-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
}()

/// The items of each user, oldest first: everyone walks the same circle of forty items from another place.
let histories = (1...200).map { user in
    ("user-\(user)", (0..<12).map { step in "item-\((user * 7 + step * (1 + user % 2)) % 40)" })
}
