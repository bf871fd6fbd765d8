// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// Whoever trains and judges runs reads them too.
@_exported public import CascadeRuns
