// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What the words in a column of actions stand for, and how often each occurred.
///
/// Words are compared in lower case, without spaces, `_` and `-`. An import has one, which all of its files share.
final class ActionWords {
    /// What a word stands for.
    enum Meaning: Equatable {
        case action(Action)
        /// Rows with it are left out and counted.
        case dropped
    }

    /// The name under which options list the words whose rows are left out.
    static let drop = "drop"

    private var meanings: [ByteString: Meaning] = [:]
    private var words = StringTable()  // as the source writes them
    private var found: [Meaning?] = []  // by word
    private var counts: [Int] = []  // by word

    /// - Parameter options: Words by the action's name, or by `drop`; they go before the usual ones.
    /// - Throws: ``DatasetError`` `.badOption` for a name that is no action, or for a word with two meanings.
    init(_ options: [String: [String]]) throws {
        for (name, words) in Self.usual {
            for word in words { meanings[Self.key(word)] = Action(name: name).map { .action($0) } ?? .dropped }
        }
        for action in Action.allCases { meanings[Self.key(action.name)] = .action(action) }
        var given: [ByteString: String] = [:]
        for (name, words) in options.sorted(by: { $0.key < $1.key }) {
            let action = Action(name: name)
            guard action != nil || name == Self.drop else {
                throw DatasetError(
                    .badOption,
                    "--action \(name)=…: found '\(name)', expected \(Self.names) or \(Self.drop). Write ACTION=WORD,WORD."
                )
            }
            for word in words {
                let key = Self.key(word)
                if let other = given.updateValue(name, forKey: key), other != name {
                    throw DatasetError(
                        .badOption,
                        "--action: '\(word)' is given to \(other) and to \(name), expected one meaning. Leave one out."
                    )
                }
                meanings[key] = action.map { .action($0) } ?? .dropped
            }
        }
    }

    /// What a word stands for, or nil when nobody said; counts it.
    func meaning(of word: String) -> Meaning? {
        let number = Int(words.insert(word))
        if number == counts.count {
            found.append(meanings[Self.key(word)])
            counts.append(0)
        }
        counts[number] += 1
        return found[number]
    }

    /// Whether a word can stand in an option as it is.
    static func isPlain(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.count <= 40
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// Whether a word is known.
    func knows(_ word: String) -> Bool { meanings[Self.key(word)] != nil }

    /// How many rows were left out because of their word.
    var droppedCount: Int { counts.indices.filter { found[$0] == .dropped }.reduce(0) { $0 + counts[$1] } }

    /// The counts by action and word, such as `view 140, purchase 22 (transaction), dropped: remove_from_cart 3`; nil
    /// when no column of actions was read.
    var summary: String? {
        guard !counts.isEmpty else { return nil }
        var parts = Action.allCases.compactMap { action in part(action.name, .action(action)) }
        parts += [part("dropped", .dropped), part("not understood", nil)].compactMap { $0 }
        return parts.joined(separator: "; ")
    }

    private func part(_ name: String, _ meaning: Meaning?) -> String? {
        let own = counts.indices.filter { found[$0] == meaning }.sorted { (counts[$1], $0) < (counts[$0], $1) }
        guard !own.isEmpty else { return nil }
        let total = "\(name) \(own.reduce(0) { $0 + counts[$1] })"
        if own.count == 1, words[own[0]].hasSameBytes(as: name) { return total }
        let listed = own.prefix(Self.listed).map { "\(RowError.quoted(words[$0])) \(counts[$0])" }
        let more = own.count > Self.listed ? " and \(own.count - Self.listed) more words" : ""
        return "\(total) (\(listed.joined(separator: ", "))\(more))"
    }

    private static let listed = 8
    /// The actions' names with commas between.
    static let names = Action.allCases.map(\.name).joined(separator: ", ")

    private static func key(_ word: String) -> ByteString {
        ByteString(
            String(word.lowercased().unicodeScalars.filter { !" _-\t".unicodeScalars.contains($0) }.map(Character.init))
        )
    }

    /// Words that shops and their trackers write.
    private static let usual: [(name: String, words: [String])] = [
        (
            "view",
            [
                "views", "viewed", "pv", "page view", "view item", "item view", "view product", "product view",
                "view detail", "detail view", "detail", "details", "visit", "browse",
            ]
        ),
        ("click", ["clicks", "clicked", "select item", "item click", "click item", "product click"]),
        ("cart", ["add to cart", "add cart", "cart add", "to cart", "add to basket", "basket", "add to bag"]),
        (
            "purchase",
            ["purchases", "purchased", "buy", "bought", "order", "ordered", "orders", "transaction", "sale"]
        ),
        ("rating", ["rate", "rated", "review"]),
        (
            "favourite",
            [
                "favorite", "fav", "favor", "favor", "like", "liked", "wishlist", "add to wishlist",
                "add to favorites",
                "add to favourites", "bookmark", "collect",
            ]
        ),
        ("dislike", ["disliked", "thumbs down", "downvote", "not interested", "not for me"]),
        ("hide", ["hidden", "block", "blocked", "do not recommend", "never show"]),
        (
            drop,
            [
                "remove from cart", "cart remove", "remove cart", "remove from basket", "remove from bag",
                "remove from wishlist", "remove from favorites", "remove from favourites", "unlike", "unfav",
                "refund", "return", "cancel", "cancelled", "canceled",
            ]
        ),
    ]
}
