// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a user did with an item.
public enum Action: UInt8, Sendable, Codable, CaseIterable {
    /// Looked at the item.
    case view = 0
    /// Chose the item from a list.
    case click
    /// Bought the item.
    case purchase
    /// Gave the item a grade, which is the event's value.
    case rating
    /// Put the item into the cart.
    case cart
    /// Kept the item among the favourites.
    case favourite
    /// Said that they do not like the item.
    case dislike
    /// Asked not to be shown the item again.
    case hide

    /// The actions of histories, whose numbers are those below this count; the others are rejections.
    public static let historyCount = 6

    /// Whether it speaks against the item: it is never shown to the user again, and no model learns it as a choice.
    public var isRejection: Bool { self == .dislike || self == .hide }

    /// Whether it speaks for the item: everything but looking at it and rejecting it.
    public var isPositive: Bool { self != .view && !isRejection }

    /// The name in files: `view`, `click`, `purchase`, `rating`, `cart`, `favourite`, `dislike` or `hide`.
    public var name: String {
        switch self {
        case .view: "view"
        case .click: "click"
        case .purchase: "purchase"
        case .rating: "rating"
        case .cart: "cart"
        case .favourite: "favourite"
        case .dislike: "dislike"
        case .hide: "hide"
        }
    }

    /// Finds the action of that name, or nil.
    public init?(name: some StringProtocol) {
        guard let action = Action.allCases.first(where: { $0.name == name }) else { return nil }
        self = action
    }

    /// Reads the action's name.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let action = Action(name: name) else {
            let known = Action.allCases.map(\.name).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(name)' is not an action; expected one of \(known)"
            )
        }
        self = action
    }

    /// Writes the action's name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

/// One thing that one user did with one item at one time.
public struct Event: Equatable, Sendable, Codable {
    /// Who acted.
    public var user: UserID
    /// On which item.
    public var item: ItemID
    /// What was done.
    public var action: Action
    /// When, in seconds since 1970-01-01 UTC; 0 where the source has no times.
    public var time: Int64
    /// The search text that led to the event, when there was one.
    public var query: String?
    /// The grade or amount, when there was one.
    public var value: Double?

    /// Describes an event.
    ///
    /// - Parameters:
    ///   - user: Who acted.
    ///   - item: On which item.
    ///   - action: What was done.
    ///   - time: When, in seconds since 1970-01-01 UTC.
    ///   - query: The search text that led to the event.
    ///   - value: The grade or amount.
    public init(
        user: UserID,
        item: ItemID,
        action: Action = .click,
        time: Int64 = 0,
        query: String? = nil,
        value: Double? = nil
    ) {
        self.user = user
        self.item = item
        self.action = action
        self.time = time
        self.query = query
        self.value = value
    }

    /// Describes an event whose value comes from where values are in single precision, such as a data set.
    @_disfavoredOverload
    public init(
        user: UserID,
        item: ItemID,
        action: Action = .click,
        time: Int64 = 0,
        query: String? = nil,
        value: Float?
    ) {
        self.init(user: user, item: item, action: action, time: time, query: query, value: value.map { Double($0) })
    }
}
