// temporary
public struct QueryTokenizer: Sendable, Equatable, Codable {
    public var buckets = 1 << 15
    public var maximumTokens = 32
    public init() {}
    public func tokens(_ text: String) -> [Int32] { text.split(separator: " ").map { word in Int32(word.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0x7fff }) + 1 } }
}
