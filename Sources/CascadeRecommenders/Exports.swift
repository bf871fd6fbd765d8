// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// A model's settings are part of its face, so whoever imports models has them too.
@_exported public import CascadeConfigurations
