// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeTensorBoard
import Foundation
import TestSupport
import Testing

@Suite("Snippet: CascadeTensorBoard")
struct CascadeTensorBoardSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Writes a curve that TensorBoard shows")
    func shows() throws {
        let directory = folder.url
        // snippet.show
        let now = Date().timeIntervalSince1970
        let writer = try TensorBoardWriter(directory: directory, wallTime: now)
        try writer.beginSession(["batch_size": .integer(256)], wallTime: now)
        for step in 1...100 {
            try writer.scalar("loss", 1 / Double(step), step: step, wallTime: now + Double(step))
        }
        try writer.endSession(wallTime: now + 100)
        // snippet.hide
        let data = try Data(contentsOf: writer.url)
        #expect(data.range(of: Data("loss".utf8)) != nil && data.range(of: Data("batch_size".utf8)) != nil)
    }
}
