"""The alerts about Redis itself, beside those on measured rows: expressions, texts, proofs, values of runbooks."""
