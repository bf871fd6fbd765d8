// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// The requests of a data set divided into training, validation and test, by their numbers.
public struct RequestDivision: Sendable, Equatable {
    /// The requests to learn from.
    public private(set) var training: [Int] = []
    private var validation: [Int] = []
    private var test: [Int] = []

    /// The requests that a model is evaluated by.
    public func numbers(_ part: Part) -> [Int] { part == .validation ? validation : test }

    /// Divides.
    ///
    /// Under ``Split/leaveOneOut`` the last request of a user is test and the one before it validation; users with fewer
    /// than three requests are trained on alone. A temporal split goes by the time of the request; its quantiles are
    /// those of the requests. Under ``Split/given`` the request feature `split` decides.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the split cannot be made of requests, `.empty` or
    ///   `.noEvaluationCases` when a part has none.
    init(_ dataset: Dataset, _ table: RequestTable, _ split: Split) throws {
        guard split.targets == .one else {
            throw DatasetError(
                .badOption,
                "split: targets are counted in events, and \(dataset.manifest.name) is asked for requests. Leave targets out."
            )
        }
        switch split {
        case .leaveOneOut, .leaveNOut:
            for requests in table.byUser {
                training += requests.count < 3 ? requests : requests.dropLast(2)
                guard requests.count >= 3 else { continue }
                validation.append(requests.upperBound - 2)
                test.append(requests.upperBound - 1)
            }
        case .temporal(let first, let second, _):
            let (start, end) = try (table.time(first, dataset), table.time(second, dataset))
            guard start <= end else {
                throw DatasetError(
                    .badOption,
                    "split: validation starts at \(start) seconds, after test at \(end). Give validation the earlier point."
                )
            }
            for request in 0..<table.count {
                assign(request, table.times[request] < start ? nil : table.times[request] < end ? .validation : .test)
            }
        case .byUser(let validationShare, let testShare, let seed, _):
            for request in 0..<table.count {
                let position = dataset.position(of: UserIndex(Int(table.users[request])), seed: seed)
                assign(
                    request,
                    position < validationShare ? .validation : position < validationShare + testShare ? .test : nil
                )
            }
        case .given, .givenWithTargets: try assignGiven(dataset, table)
        case .positions:
            throw DatasetError(
                .badOption,
                "split: positions are counted in events, and \(dataset.manifest.name) is asked for requests. Use leave-one-out or temporal."
            )
        }
        let name = dataset.manifest.name
        guard !training.isEmpty else {
            throw DatasetError(.empty, "\(name): the split leaves no request to learn from. Move its points or shares.")
        }
        guard !validation.isEmpty || !test.isEmpty else {
            throw DatasetError(
                .noEvaluationCases,
                "\(name): the split leaves no request to evaluate a model by, of \(table.count). Move its points or shares."
            )
        }
    }

    private mutating func assign(_ request: Int, _ part: Part?) {
        switch part {
        case nil: training.append(request)
        case .validation: validation.append(request)
        case .test: test.append(request)
        }
    }

    private mutating func assignGiven(_ dataset: Dataset, _ table: RequestTable) throws {
        guard let feature = dataset.requestFeature(GivenPart.feature) else {
            throw DatasetError(
                .badOption,
                "\(dataset.manifest.name): the given split needs a request feature 'split' and there is none. Use leave-one-out or temporal."
            )
        }
        for request in 0..<table.count {
            let values = feature.values(of: request)
            guard values.count == 1, let part = GivenPart(name: values[0]) else {
                throw DatasetError(
                    .badOption,
                    "\(dataset.manifest.name): the feature 'split' of request number \(request) is \(values), expected one of train, val, test."
                )
            }
            assign(request, part == .train ? nil : part == .validation ? .validation : .test)
        }
    }
}

extension RequestTable {
    /// The requests of each user that has any, in the order of users.
    var byUser: [Range<Int>] {
        var result: [Range<Int>] = []
        var start = 0
        while start < count {
            var end = start + 1
            while end < count && users[end] == users[start] { end += 1 }
            result.append(start..<end)
            start = end
        }
        return result
    }

    /// The moment of a point of a temporal split, in seconds.
    fileprivate func time(_ point: SplitPoint, _ dataset: Dataset) throws -> Int64 {
        guard case .quantile(let share) = point else { return try dataset.time(point) }
        let sorted = times.sorted()
        guard let first = sorted.first, let last = sorted.last, first < last else {
            throw DatasetError(
                .badOption,
                "\(dataset.manifest.name): a temporal split needs requests at several times, and these have one. Use leave-one-out."
            )
        }
        return sorted[min(Int(share * Double(sorted.count)), sorted.count - 1)]
    }
}
