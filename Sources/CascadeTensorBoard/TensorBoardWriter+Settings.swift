// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeTensorFiles

extension TensorBoardWriter {
    private static let plugin = "hparams"

    /// Says with which settings the run in this folder was started, for TensorBoard's page of hyper-parameters.
    ///
    /// - Parameters:
    ///   - settings: By name; texts, numbers and truth values are shown, anything else is left out.
    ///   - wallTime: The time now, in seconds since 1970.
    /// - Throws: ``FileError`` when the disk refuses.
    /// - Source: TensorBoard's `hparams/api.proto` and `hparams/plugin_data.proto`.
    public func beginSession(_ settings: [String: JSONValue], wallTime: Double) throws(FileError) {
        var start = ProtocolBuffer()
        for (name, setting) in settings.sorted(by: { $0.key < $1.key }) {
            var value = ProtocolBuffer()
            switch setting {
            case .integer(let number): value.double(2, Double(number))
            case .number(let number): value.double(2, number)
            case .string(let text): value.bytes(3, Array(text.utf8))
            case .bool(let truth): value.integer(4, truth ? 1 : 0)
            case .null, .array, .object: continue
            }
            var entry = ProtocolBuffer()
            entry.bytes(1, Array(name.utf8))
            entry.bytes(2, value.encoded)
            start.bytes(1, entry.encoded)
        }
        start.double(5, wallTime)
        try session("session_start_info", field: 3, start, wallTime)
    }

    /// Says that the run has ended in order.
    ///
    /// - Throws: ``FileError`` when the disk refuses.
    public func endSession(wallTime: Double) throws(FileError) {
        var end = ProtocolBuffer()
        end.integer(1, 1)  // success
        end.double(2, wallTime)
        try session("session_end_info", field: 4, end, wallTime)
    }

    /// A summary without a value, whose metadata carry the plug-in's message in a field of its `HParamsPluginData`.
    private func session(_ name: String, field: UInt64, _ message: ProtocolBuffer, _ wallTime: Double) throws(FileError)
    {
        var content = ProtocolBuffer()
        content.bytes(field, message.encoded)
        var plugin = ProtocolBuffer()
        plugin.bytes(1, Array(Self.plugin.utf8))
        plugin.bytes(2, content.encoded)
        var metadata = ProtocolBuffer()
        metadata.bytes(1, plugin.encoded)
        var value = ProtocolBuffer()
        value.bytes(1, Array("_\(Self.plugin)_/\(name)".utf8))
        value.bytes(9, metadata.encoded)
        var summary = ProtocolBuffer()
        summary.bytes(1, value.encoded)
        try append { event in
            event.double(1, wallTime)
            event.bytes(5, summary.encoded)
        }
    }
}
