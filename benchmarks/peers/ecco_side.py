"""What ecco 0.1.2 takes for its own tasks."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from typing import Any

import ecco
import torch
from measured import GENERATED, prompt, tell

CONFIG = {
    "embedding": "transformer.wte.weight",
    "type": "causal",
    "activations": [r"mlp\.c_proj"],
    "token_prefix": "Ġ",
    "partial_token_prefix": "",
}


def quiet(task: Callable[[], Any]) -> Callable[[], Any]:
    """A task without what it prints."""

    def run() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return task()

    return run


def main(folder: str, tokens: int) -> None:
    torch.set_num_threads(1)
    lm = ecco.from_pretrained(folder, model_config=CONFIG, activations=True, verbose=False, gpu=False)
    text = prompt(tokens)

    def written(*attribution: str) -> Any:
        return lm.generate(text, generate=GENERATED, do_sample=False, attribution=list(attribution))

    plain = quiet(written)()
    tell(
        {
            "generation": quiet(written),
            "input x gradient": quiet(lambda: written("grad_x_input")),
            "saliency": quiet(lambda: written("saliency")),
            "integrated gradients": quiet(lambda: written("ig")),
            "logit lens": quiet(lambda: plain.layer_predictions(position=tokens, printJson=True)),
            "token ranks": quiet(lambda: plain.rankings(printJson=True)),
            "neuron factors": quiet(lambda: plain.run_nmf(n_components=8)),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
