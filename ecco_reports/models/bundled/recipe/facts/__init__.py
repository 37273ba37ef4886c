"""The recipe of `bundled:facts`, a causal language model."""
