"""The recipe of `bundled:sentiment`, an encoder and decoder that answer a text with a text."""
