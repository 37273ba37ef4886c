"""Writes ``transformer_lens.npz``: what TransformerLens reads out of the tiny models of ``tests/tiny.py``.

TransformerLens wants an environment of its own; README.md beside this file says how to make one. Run from the root of
the repository: ``python -m tests.oracles.make_transformer_lens_golden``.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis import logit_lens

from tests import tiny

GOLDEN = Path(__file__).with_name("transformer_lens.npz")


def main() -> None:
    torch.set_num_threads(1)
    golden = {
        "versions": np.array([f"{name} {version(name)}" for name in ("transformer-lens", "transformers", "torch")])
    }
    for family in tiny.FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            bridge = TransformerBridge.boot_transformers(str(tiny.save(Path(folder), family)))
            ids = torch.tensor([tiny.word_tokenizer().encode(tiny.TEXT).ids])
            read = logit_lens(bridge, ids, positions=None, return_type="logits")
        print(family, list(read.labels), tuple(read.values.shape))
        golden[f"{family}_labels"] = np.array(list(read.labels))
        golden[f"{family}_logits"] = read.values[:, 0].numpy().astype(np.float32)
        with torch.no_grad():
            golden[f"{family}_model"] = bridge(ids)[0].numpy().astype(np.float32)
    np.savez_compressed(GOLDEN, **golden)
    print(GOLDEN.name, GOLDEN.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
