// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CZlib
internal import CascadeTensorFiles
internal import Foundation

/// The bytes of a file from front to back, decompressed on the way when the file is a gzip file.
final class CompressedFile {
    let url: URL
    private let handle: gzFile

    init(_ url: URL) throws(FileError) {
        self.url = url
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw FileError(.notFound, url, "there is no such file; check the path.")
        }
        guard !isFolder.boolValue else {
            throw FileError(.unreadable, url, "this is a folder; expected a file.")
        }
        guard let handle = gzopen(url.path, "rb") else {
            let cause = String(cString: strerror(errno))
            throw FileError(.unreadable, url, "cannot open: \(cause). Check its permissions.")
        }
        self.handle = handle
        gzbuffer(handle, 1 << 17)
    }

    deinit { gzclose_r(handle) }

    /// Fills `buffer`, or as much of it as there is left in the file; 0 at the end of the file.
    ///
    /// - Throws: ``FileError`` `.truncated` or `.malformed` with the position in the file, or `.unreadable`.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        let count = gzread(handle, buffer.baseAddress, UInt32(clamping: buffer.count))
        var code = Z_OK
        let text = gzerror(handle, &code).map { String(cString: $0) } ?? "unknown error"
        guard code == Z_OK || code == Z_STREAM_END else { throw failure(code, text) }
        return Int(count)
    }

    /// The next bytes, fewer than `size` only at the end of the file.
    ///
    /// - Throws: ``FileError`` as above.
    func piece(_ size: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        var count = 0
        while count < size {
            let (start, space) = (count, size - count)
            let added = try bytes.withUnsafeMutableBytes { bytes in
                try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + space]))
            }
            guard added > 0 else { break }
            count += added
        }
        return Array(bytes[..<count])
    }

    /// Refuses a file whose name says gzip and whose contents, of which some were read, do not.
    func checkName() throws(FileError) {
        guard url.pathExtension.lowercased() != "gz" || gzdirect(handle) == 0 else {
            throw FileError(
                .malformed,
                url,
                "the name says gzip, but the contents do not start as gzip; expected the bytes 1f 8b. Fetch it again."
            )
        }
    }

    private func failure(_ code: Int32, _ text: String) -> FileError {
        let place = "at byte \(gzoffset(handle)) (after \(gztell(handle)) bytes of decompressed text)"
        switch code {
        case Z_BUF_ERROR:
            return FileError(.truncated, url, "the compressed data break off \(place); fetch or copy the file again.")
        case Z_DATA_ERROR:
            return FileError(
                .malformed,
                url,
                "the compressed data are damaged \(place): \(text). Fetch or copy the file again."
            )
        case Z_ERRNO:
            return FileError(.unreadable, url, "cannot read \(place): \(String(cString: strerror(errno))).")
        default:
            return FileError(.unreadable, url, "cannot read \(place): \(text).")
        }
    }
}
