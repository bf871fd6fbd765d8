// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations

extension ServerConfiguration {
    /// Keys that had other names before version 0.2.
    public static let formerKeys = FormerKeys([
        "limits.body": "limits.body_bytes",
        "limits.query": "limits.query_bytes",
        "limits.id": "limits.id_bytes",
        "limits.headers": "limits.headers_bytes",
        "rate.perSecond": "rate.requests_per_second",
        "timeouts.read": "timeouts.read_seconds",
        "timeouts.answer": "timeouts.response_seconds",
        "timeouts.replace": "timeouts.replace_seconds",
        "timeouts.idle": "timeouts.idle_seconds",
        "shutdown": "shutdown_seconds",
    ])
}
