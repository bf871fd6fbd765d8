// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Hummingbird

/// `/v1/events`: what people did comes in.
struct EventRoutes {
    let backend: Backend

    var routes: [Route] { [Route(.post, "/v1/events", .role(.write), handler: record)] }

    /// One event or a batch; answers when they are stored.
    @Sendable private func record(_ context: RequestContext) async throws -> Response {
        let inputs = try await context.body(EventsInput.self).events
        guard (1...context.limits.batch).contains(inputs.count) else {
            throw Problem.invalid("events: found \(inputs.count), expected 1 to \(context.limits.batch).")
        }
        let now = context.simulatedTime ?? backend.now()
        let events = try inputs.enumerated().map {
            try $1.event(now: now, limits: context.limits, place: "events[\($0)]")
        }
        let receipts = try await backend.service.record(events)
        backend.metrics.count(receipts)
        return try JSONResponse.of(ReceiptsResponse(events, receipts))
    }
}

/// The body: an event, or an object with a list of them.
private struct EventsInput: Decodable {
    let events: [EventInput]

    private enum CodingKeys: String, CodingKey { case events }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        guard values.contains(.events) else {
            events = [try EventInput(from: decoder)]
            return
        }
        try decoder.refuseKeys(beyond: ["events"])
        events = try values.decode([EventInput].self, forKey: .events)
    }
}

/// An event as it is sent.
private struct EventInput: Decodable {
    let id: String
    let user: String
    let item: String
    let action: String
    let time: Int64?
    let query: String?
    let value: Double?
    let request: String?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case id, user, item, action, time, query, value, request
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        id = try values.decode(String.self, forKey: .id)
        user = try values.decode(String.self, forKey: .user)
        item = try values.decode(String.self, forKey: .item)
        action = try values.decode(String.self, forKey: .action)
        time = try values.unixTime(.time)
        query = try values.decodeIfPresent(String.self, forKey: .query)
        value = try values.decodeIfPresent(Double.self, forKey: .value)
        request = try values.decodeIfPresent(String.self, forKey: .request)
    }

    /// The largest grade or amount, far from where a float ends.
    private static let largest = 1e30

    func event(now: Int64, limits: Limits, place: String) throws -> NewEvent {
        for (key, text) in [("id", id), ("user", user), ("item", item)] + (request.map { [("request", $0)] } ?? []) {
            try Text.check(text, "\(place).\(key)", 1...limits.idBytes)
        }
        if let query { try Text.check(query, "\(place).query", 1...limits.queryBytes) }
        guard let action = Action(name: action) else {
            let names = Action.allCases.map(\.name).joined(separator: ", ")
            throw Problem.invalid("\(place).action: found another word, expected one of \(names).")
        }
        guard abs(value ?? 0) <= Self.largest else {
            throw Problem.invalid("\(place).value: found a larger number, expected one within ±\(Self.largest).")
        }
        let time = time ?? now
        try UnixTime.check(time, "\(place).time", now: now)
        let event = Event(
            user: UserID(user),
            item: ItemID(item),
            action: action,
            time: time,
            query: query,
            value: value
        )
        return NewEvent(id: id, event: event, request: request)
    }
}

/// What became of each event, in the order in which they were sent.
private struct ReceiptsResponse: Encodable {
    struct One: Encodable {
        let id: String
        let status: Receipt
    }

    let receipts: [One]

    init(_ events: [NewEvent], _ receipts: [Receipt]) {
        self.receipts = zip(events, receipts).map { One(id: $0.id, status: $1) }
    }
}
