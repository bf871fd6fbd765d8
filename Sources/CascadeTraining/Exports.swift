// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// Whoever trains and evaluates runs reads them too.
@_exported public import CascadeRuns
