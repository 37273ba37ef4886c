"""The recipe of `bundled:sentiment-classifier`, an encoder that tells praise from blame."""
