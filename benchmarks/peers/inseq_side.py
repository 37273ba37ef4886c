"""What inseq 0.7.1 takes to attribute the same generated tokens."""

from __future__ import annotations

import sys
from typing import Any

import inseq
import torch
from measured import GENERATED, prompt, tell

METHODS: dict[str, dict[str, Any]] = {
    "input x gradient": {"method": "input_x_gradient"},
    "saliency": {"method": "saliency"},
    "integrated gradients": {"method": "integrated_gradients", "n_steps": 50, "internal_batch_size": 10},
    "occlusion": {"method": "occlusion"},
}


def main(folder: str, tokens: int) -> None:
    torch.set_num_threads(1)
    model = inseq.load_model(folder, "saliency", device="cpu")
    text = prompt(tokens)
    settings = {"generation_args": {"max_new_tokens": GENERATED, "do_sample": False}, "show_progress": False}
    tell(
        {
            name: lambda how=how: model.attribute(text, attributed_fn="logit", **how, **settings)  # type: ignore[misc]
            for name, how in METHODS.items()
        }
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
