// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Distillation and inference")
struct DistillTests {
    @Test("a distilled run is evaluated, exported and recommends like any other; mistakes leave nothing")
    func distill() async throws {
        let folder = try TemporaryFolder()
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await Small.train("t2diff", on: data, to: run)
        let student = folder.path("new/student")
        let distilled = try await cascade(
            ["distill", run, "--steps", "2", "--to", student, "--epochs", "1", "--seed", "3"]
                + ["--set", "grid=3", "--set", "learningRate.peak=0.002"]
        )
        #expect(distilled.errors.contains("finished: 1 epochs done") && distilled.output.contains("undistilled"))
        let manifest = try JSONSerialization.jsonObject(with: folder.data("new/student/manifest.json"))
        let origin = try #require((manifest as? [String: Any])?["distilledFrom"] as? [String: Any])
        let settings = try #require(origin["settings"] as? [String: Any])
        #expect(origin["steps"] as? Int == 2 && settings["grid_steps"] as? Int == 3 && settings["epochs"] as? Int == 1)

        let report = try await cascade(["evaluate", student, "--json"]).document()
        #expect(report["model"] as? String == "t2diff" && report["users"] as? Int == 40)
        try await cascade(["export", student, "--to", folder.path("exported")])
        #expect(folder.holds("exported/user_vectors.npy"))
        let user = try String(contentsOfFile: data + "/users.txt", encoding: .utf8).split(separator: "\n")[0]
        #expect(
            try await cascade(["recommend", student, "--user", "\(user)", "-k", "3"]).output.contains("recommends")
        )

        for (arguments, status, text) in [
            (["distill", run, "--to", student], 1, "exists"),
            (["distill", run, "--to", folder.path("x/y"), "--steps", "9"], 78, "--steps"),
            (["distill", run, "--to", folder.path("x/y"), "--set", "grid_setps=3"], 78, "'grid_steps'"),
            (["distill", run, "--to", folder.path("x/y"), "--set", "chain"], 78, "key=value"),
            (["distill", run, "--to", folder.path("x/y"), "--epochs", "0"], 78, "epochs"),
            (["distill", folder.path("none"), "--to", folder.path("x/y")], 65, "no run here"),
        ] as [([String], Int32, String)] {
            #expect(try await cascade(arguments, status: status).errors.contains(text))
        }
        #expect(try folder.names() == ["data", "exported", "new", "run"])
        #expect(try folder.names("new") == ["student"])
    }

    @Test("bench infer prints a row for each number of steps and users, of a run or of a fresh model")
    func infer() async throws {
        let folder = try TemporaryFolder()
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await Small.train("t2diff", on: data, to: run)
        let common = ["bench", "infer", "--steps", "1,3", "--batch", "1,4", "--repeats", "1"]
        let table = try await cascade(common + [run, "--set", "sampler.kind=ddim"]).output.split(separator: "\n")
        #expect(table.count == 6 && table[1].contains("ddim") && table[5].contains("100 items"))
        let fresh = common + Small.settings("t2diff") + ["--data", data]
        let rows = try #require(try await cascade(fresh + ["--json"]).document()["rows"] as? [[String: Any]])
        #expect(rows.map { $0["steps"] as? Int } == [1, 1, 3, 3])
        #expect(try await cascade(common + ["--model", "popularity", "--data", data]).output.contains("popularity"))
        for arguments in [["bench", "infer"], common + [run, "--model", "t2diff"], common + [run, "--batch", "0"]] {
            try await cascade(arguments, status: 64)
        }
    }
}
