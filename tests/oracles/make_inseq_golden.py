"""Writes ``inseq.npz``: what inseq attributes to the tokens of a text by the tiny models of ``tests/tiny.py``.

inseq wants an environment of its own; README.md beside this file says how to make one. Run from the root of the
repository: ``python -m tests.oracles.make_inseq_golden``.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import inseq
import numpy as np
import torch

from tests import tiny

GOLDEN = Path(__file__).with_name("inseq.npz")
METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"n_steps": 200, "internal_batch_size": 50},
    "attention": {},
}


def main() -> None:
    torch.set_num_threads(1)
    golden = {"versions": np.array([f"{name} {version(name)}" for name in ("inseq", "transformers", "torch")])}
    for family in ("gpt2", "llama", "t5"):
        with tempfile.TemporaryDirectory() as folder:
            tiny.save(Path(folder), family)
            for method, settings in METHODS.items():
                model = inseq.load_model(folder, method, device="cpu")
                written = tiny.CONTINUATION if family in tiny.ENCODER_DECODERS else tiny.TEXT + " " + tiny.CONTINUATION
                out = model.attribute(
                    tiny.TEXT,
                    generated_texts=written,
                    attribute_target=True,
                    attributed_fn="logit",
                    show_progress=False,
                    **settings,
                )[0]
                for part in ("source_attributions", "target_attributions"):
                    values = getattr(out, part)
                    if values is not None:
                        print(family, method, part, tuple(values.shape))
                        golden[f"{family}_{method}_{part}"] = values.numpy().astype(np.float32)
                golden[f"{family}_target"] = np.array([token.token for token in out.target])
                golden[f"{family}_source"] = np.array([token.token for token in out.source])
    np.savez_compressed(GOLDEN, **golden)
    print(GOLDEN.name, GOLDEN.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
