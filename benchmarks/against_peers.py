"""The same work by ecco-reports, by inseq and by the original ecco: CPU seconds and memory, on one model.

GPT-2 of the small size with random weights and one token per word, saved under ``build/benchmarks/peers``. Peers run
in environments of their own, whose Pythons are named on the command line:

    python -m venv /tmp/inseq
    /tmp/inseq/bin/pip install torch==2.13.0 inseq==0.7.1
    python -m venv /tmp/ecco
    /tmp/ecco/bin/pip install torch==2.13.0 transformers==4.35.2 captum scikit-learn pyyaml ipython
    /tmp/ecco/bin/pip install "numpy<2" "seaborn<0.13" "matplotlib<3.9"
    /tmp/ecco/bin/pip install --no-deps ecco==0.1.2
    python benchmarks/against_peers.py --inseq /tmp/inseq/bin/python --ecco /tmp/ecco/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "build" / "benchmarks" / "peers"
sys.path.insert(0, str(HERE / "peers"))

from measure import report  # noqa: E402
from measured import GENERATED, prompt, tell  # noqa: E402

ROOMS: dict[str, tuple[str, dict[str, Any]]] = {
    "generation": ("generation", {}),
    "input x gradient": ("attribution", {"methods": ("input_x_gradient",), "targets": "generated"}),
    "saliency": ("attribution", {"methods": ("saliency",), "targets": "generated"}),
    "integrated gradients": ("attribution", {"methods": ("integrated_gradients",), "targets": "generated"}),
    "occlusion": ("attribution", {"methods": ("occlusion",), "targets": "generated", "replacement": "baseline"}),
    "logit lens": ("logit_lens", {}),
    "token ranks": ("token_ranks", {}),
    "neuron factors": ("neuron_factors", {"n_components": 8}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=30, help="tokens of the prompt; 16 are generated")
    parser.add_argument("--inseq", help="Python of an environment with inseq")
    parser.add_argument("--ecco", help="Python of an environment with ecco")
    parser.add_argument("--ours", action="store_true", help="only our side, as JSON")
    options = parser.parse_args()
    if options.ours:
        ours(options.tokens)
        return
    if not (FOLDER / "tokenizer_config.json").exists():
        save()
    found = {"ours": side([sys.executable, __file__, "--ours", "--tokens", str(options.tokens)])}
    for name in ("inseq", "ecco"):
        if python := getattr(options, name):
            found[name] = side([python, str(HERE / "peers" / f"{name}_side.py"), str(FOLDER), str(options.tokens)])
    rows = [
        (task, who, of[task]["seconds"], of[task]["seconds"] / found["ours"][task]["seconds"], of[task]["peak_mib"])
        for task in ROOMS
        for who, of in found.items()
        if task in of
    ]
    title = f"{options.tokens} tokens of prompt, {GENERATED} generated and explained, one thread"
    report(title, ("task", "who", "CPU s", "times ours", "peak MiB so far"), rows, found)


def side(command: list[str]) -> dict[str, Any]:
    """What one side measures in a process of its own."""
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def ours(tokens: int) -> None:
    """Our side: every task on a text that was not read before, as each of the peers' tasks generates anew."""
    import torch

    import ecco_reports
    from ecco_reports.modelspec import ModelSpec

    torch.set_num_threads(1)
    model = ecco_reports.load_model(ModelSpec(source=str(FOLDER), device="cpu"))
    text = prompt(tokens)

    def task(analysis: str, params: dict[str, Any]) -> Any:
        ecco_reports.analyze(model, "w1 w2", "generation", max_new_tokens=1)  # What was kept of the text is forgotten.
        return ecco_reports.analyze(model, text, analysis, max_new_tokens=GENERATED, **params)

    tell({name: lambda room=room: task(*room) for name, room in ROOMS.items()})  # type: ignore[misc]


def save() -> None:
    """The model, with a vocabulary that old and new versions of the libraries can read."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0))
    model.generation_config.eos_token_id = None
    model.save_pretrained(FOLDER)
    words = {f"w{number}": number for number in range(model.config.vocab_size)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(FOLDER / "tokenizer.json"))
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "w0")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (FOLDER / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


if __name__ == "__main__":
    main()
