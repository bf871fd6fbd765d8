// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension ModelRegistry {
    /// Every model of Cascade, once, in the order in which they are listed.
    ///
    /// The command line, the contract tests and the documentation read this list.
    public static let builtin = ModelRegistry([
        ModelEntry(Popularity.self),
        ModelEntry(RecentPopularity.self),
        ModelEntry(ItemKNN.self),
        ModelEntry(EASE.self),
        ModelEntry(IALS.self),
        ModelEntry(BPRMF.self),
        ModelEntry(MultVAE.self),
        ModelEntry(GRU4Rec.self),
        ModelEntry(Caser.self),
        ModelEntry(SASRec.self),
        ModelEntry(BERT4Rec.self),
        ModelEntry(Mamba4Rec.self),
        ModelEntry(ESASRec.self),
        ModelEntry(HSTURetrieval.self),
        ModelEntry(STOSA.self),
        ModelEntry(ContrastVAE.self),
        ModelEntry(DAT.self),
        ModelEntry(T2Diff.self),
        ModelEntry(ComiRecSA.self),
        ModelEntry(ComiRecDR.self),
        ModelEntry(MIND.self),
        ModelEntry(DimeRec.self),
        ModelEntry(DreamRec.self),
        ModelEntry(DiffuRec.self),
        ModelEntry(DARE.self),
        ModelEntry(TWIN.self),
        ModelEntry(TWIN4E.self),
        ModelEntry(TWINV2.self),
        ModelEntry(DIN.self),
        ModelEntry(SIM.self),
        ModelEntry(ETA.self),
        ModelEntry(SDIM.self),
        ModelEntry(DiffusionGS.self),
        ModelEntry(SearchSASRec.self),
        ModelEntry(SearchSIM.self),
        ModelEntry(QIN.self),
        ModelEntry(HSTU.self),
        ModelEntry(MTGR.self),
        ModelEntry(ShownOrder.self),
    ])
}
