// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("First bytes of a file")
struct ContentSignatureTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func name(_ head: [UInt8]) -> String? { ContentSignature.find(head)?.name }

    @Test("name what is no table")
    func namesBinaries() {
        let zip: [UInt8] = [0x50, 0x4B, 3, 4]
        let padding = [UInt8](repeating: 0, count: 26)
        #expect(name(zip + padding + bytes("log.csv")) == "a zip archive")
        #expect(name(zip + padding + bytes("[Content_Types].xml")) == "an Excel workbook (xlsx)")
        #expect(name(zip + padding + bytes("xl/workbook.xml")) == "an Excel workbook (xlsx)")
        #expect(
            name(zip + padding + bytes("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"))
                == "a spreadsheet (ods)"
        )
        #expect(name([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) == "a file compressed with xz")
        #expect(name([0x28, 0xB5, 0x2F, 0xFD, 0x24]) == "a file compressed with zstd")
        #expect(name(bytes("BZh91AY&SY") + [0x01, 0x99]) == "a file compressed with bzip2")
        #expect(name([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0]) == "a 7z archive")
        #expect(name([0x1F, 0x8B, 8, 0]) == "a file compressed twice with gzip")
        #expect(name(bytes("SQLite format 3\0") + [0x10]) == "an SQLite database")
        #expect(name(bytes("PAR1") + [0x15, 0x04]) == "a Parquet file")
        #expect(name(bytes("ARROW1") + [0, 0]) == "an Arrow file")
        #expect(name(bytes("FEA1") + [0]) == "a Feather file")
        #expect(name([0xD0, 0xCF, 0x11, 0xE0, 0xA1]) == "an old Excel workbook (xls)")
        #expect(name([UInt8](repeating: 0x61, count: 257) + bytes("ustar  ")) == "a tar archive")
        #expect(name([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0]) == "text in UTF-32")
        #expect(name([0xFF, 0xFE, 0x61, 0]) == "text in UTF-16")
        #expect(name([0x61, 0, 0x62, 0, 0x63, 0]) == "text in UTF-16LE")
        #expect(name([0, 0x61, 0, 0x62, 0, 0x63]) == "text in UTF-16BE")
        #expect(name(bytes("{\"user_id\": 1}\n")) == "JSON lines")
        #expect(name(bytes("\u{FEFF}\n {  \"user_id\" : 1}\n")) == "JSON lines")
        #expect(name(bytes("[\n  {\"user_id\": 1}]")) == "JSON")
        #expect(name(bytes("<!DOCTYPE html><html>")) == "an HTML page")
        #expect(name(bytes("\n<HTML lang=de>")) == "an HTML page")
        #expect(name(bytes("<?xml version='1.0'?>")) == "an XML document")
        #expect(name(bytes("version https://git-lfs.github.com/spec/v1\noid")) == "a pointer of Git LFS")
    }

    @Test(
        "leave alone what may be a table",
        arguments: [
            "user_id,item_id\n1,2\n", "", "a", "ORCID,item\n", "PAR1,item\n1,2\n", "BZh91,item\n", "{user},{item}\n",
            "[user],[item]\n", "<user>,<item>\n", "Obj,item\n", "\u{FEFF}user,item\n", "漢,字\n", "u\0,i\n",
        ]
    )
    func leavesText(_ text: String) { #expect(ContentSignature.find(Array(text.utf8)) == nil) }

    @Test(
        "stop an import of any format, whatever the file's name, and say what to do",
        arguments: ["csv", "ml-latest"]
    )
    func stopsImport(_ format: String) throws {
        let sources = try TemporarySources()
        let xz: [UInt8] = [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0, 4]
        for (file, bytes) in [("ratings.csv", xz), ("ratings.csv.gz", gzip(xz)), ("ml-25m.zip", xz), ("packed.gz", xz)]
        {
            let url = try sources.file(file, bytes)
            let error = #expect(throws: FileError.self) { _ = try sources.importing(format, url) }
            #expect(error?.reason == .malformed)
            #expect(
                error?.description == """
                    \(url.path): found a file compressed with xz, expected text with one row a line. Unpack it, with xz -d \
                    for example.
                    """
            )
        }
        #expect(try !sources.names().contains("imported"))
    }
}
