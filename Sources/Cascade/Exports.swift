// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// One import for programs that train, evaluate and serve models themselves. The HTTP server and the store of events are
// modules of their own, `CascadeServer` and `CascadeStore`, because not every such program needs them.
@_exported public import CascadeAnalysis
@_exported public import CascadeBenchmarks
@_exported public import CascadeComparison
@_exported public import CascadeConfigurations
@_exported public import CascadeDatasets
@_exported public import CascadeDiffusion
@_exported public import CascadeEvaluation
@_exported public import CascadeFunnel
@_exported public import CascadeLoop
@_exported public import CascadeNN
@_exported public import CascadeRecommenders
@_exported public import CascadeRetrieval
@_exported public import CascadeRuns
@_exported public import CascadeServing
@_exported public import CascadeSimulation
@_exported public import CascadeTensorBoard
@_exported public import CascadeTensorFiles
@_exported public import CascadeTorch
@_exported public import CascadeTraining
