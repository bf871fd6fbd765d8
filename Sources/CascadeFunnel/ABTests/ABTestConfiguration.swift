// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeDatasets

/// An A/B test: users are randomly assigned to arms, and each arm has its own variant of the funnel.
public struct ABTestConfiguration: Settings, Equatable {
    /// A share of the users, and their funnel.
    public struct Arm: Settings, Equatable {
        /// Its name in reports.
        public var name = ""
        /// The share of users in the arm; the shares of a test add up to 1.
        public var share = 0.0
        /// The name of the funnel's variant, or `default`.
        public var funnel = ""

        /// An arm without a name, which is not valid.
        public init() {}

        /// Describes an arm.
        public init(name: String, share: Double, funnel: String) {
            self.name = name
            self.share = share
            self.funnel = funnel
        }
    }

    /// Its name in reports.
    public var name = ""
    /// Part of the hash that assigns users, so that another salt assigns all of them anew; empty takes the name.
    public var salt = ""
    /// The arms.
    ///
    /// Changing shares or arms moves users between arms: give the test a new name then.
    public var arms: [Arm] = []

    /// A test without a name, which is not valid.
    public init() {}

    /// Describes a test.
    public init(name: String, salt: String = "", arms: [Arm]) {
        self.name = name
        self.salt = salt
        self.arms = arms
    }

    /// How far from 1 the sum of all shares may be: room for thirds written with four digits.
    private static let tolerance = 1e-3

    /// Refuses a test that cannot be run.
    ///
    /// - Throws: ``ConfigurationError``.
    public func validate() throws {
        guard !name.isEmpty else { throw ConfigurationError("ab_tests: one has no name; give it one, name: TEXT") }
        func refuse(_ what: String) -> ConfigurationError { ConfigurationError("A/B test '\(name)': \(what)") }
        guard arms.count >= 2 else { throw refuse("found \(arms.count) arms, expected at least 2") }
        for (number, arm) in arms.enumerated() {
            guard !arm.name.isEmpty, !arm.funnel.isEmpty else {
                throw refuse("arm \(number + 1) needs a name and a funnel")
            }
            guard arm.share.isFinite, arm.share >= 0 else {
                throw refuse("the share of arm '\(arm.name)' is \(arm.share), expected 0 to 1")
            }
        }
        guard Set(arms.map(\.name)).count == arms.count else { throw refuse("two arms have the same name") }
        let sum = arms.reduce(0) { $0 + $1.share }
        guard abs(sum - 1) <= Self.tolerance else { throw refuse("the shares add up to \(sum), expected 1") }
    }

    /// Reads the list of A/B tests of a configuration, each checked, none with another's name or salt.
    ///
    /// - Parameters:
    ///   - tree: A list of groups with the keys `name`, `salt` and `arms`; nothing is no test.
    ///   - path: What the list is called in messages.
    /// - Throws: ``ConfigurationError``.
    public static func list(_ tree: JSONValue, path: String) throws -> [ABTestConfiguration] {
        let tests = try elements(of: tree, path).map { path, element in
            var element = element
            // Through Arm, so that a key that is missing, unknown or of the wrong kind is named.
            let arms = try elements(of: element["arms"], "\(path).arms").map { try Arm(overriding: $1, path: $0) }
            if case .object = element { element["arms"] = try JSONValue(encoding: arms) }
            return try ABTestConfiguration(overriding: element, path: path)
        }
        for (key, values) in [("name", tests.map(\.name)), ("salt", tests.map(\.lot))]
        where Set(values).count < values.count {
            throw ConfigurationError(
                "\(path): two A/B tests have the same \(key), so they would assign users alike; give each its own"
            )
        }
        return tests
    }

    private static func elements(of tree: JSONValue, _ path: String) throws -> [(path: String, element: JSONValue)] {
        switch tree {
        case .null: return []
        case .array(let elements): return elements.enumerated().map { ("\(path)[\($0)]", $1) }
        default: throw ConfigurationError("\(path): expected a list, whose entries begin with '-'")
        }
    }
}

extension ABTestConfiguration {
    /// What separates this test's assignment from all others'.
    private var lot: String { salt.isEmpty ? name : salt }

    /// The arm of a user: always the same one, on every machine, and independent of other tests.
    ///
    /// The lot is the first 64 bits of the ``Fingerprint`` over the salt and the UTF-8 of the id, as a fraction of 2^64; arms
    /// take their shares of [0, 1) in order. Tests pin it: another hash would move people between arms.
    ///
    /// - Parameters:
    ///   - user: The user; nil for a request without one, which is assigned by its own id.
    ///   - request: The request's id.
    public func arm(of user: UserID?, request: String) -> Arm {
        precondition(!arms.isEmpty, "a validated test has arms")
        var print = Fingerprint()
        var id = user?.rawValue ?? request
        id.withUTF8 { print.add(user == nil ? "request \(lot)" : "user \(lot)", UnsafeRawBufferPointer($0)) }
        let fraction = Double(print.number >> 11) * 0x1p-53
        var end = 0.0
        for arm in arms {
            end += arm.share
            if fraction < end { return arm }
        }
        // Shares that add up to a little less than 1: the last arm that has anybody takes the rest.
        return arms.last { $0.share > 0 } ?? arms[arms.count - 1]
    }
}
