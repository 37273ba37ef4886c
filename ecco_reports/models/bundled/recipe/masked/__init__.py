"""The recipe of `bundled:masked`, a masked language model."""
