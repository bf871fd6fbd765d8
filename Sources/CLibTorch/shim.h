// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// Empty on purpose: this module exists to carry libtorch's include and library paths (from pkg-config) to CTorch.
