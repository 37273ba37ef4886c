"""What a model that nobody prepared costs: loading, finding out what it can do, each analysis, and memory.

Two models with random weights are saved once as safetensors under ``build/benchmarks`` and loaded like any other
folder: GPT-2 of the small size, and a Llama of a billion parameters. Times and memory are measured in processes of
their own; the bare passes are written out with transformers alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import cpu_seconds, report

import ecco_reports
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Prompt

FOLDER = Path(__file__).resolve().parent.parent / "build" / "benchmarks"
MODELS = ("gpt2-small", "llama-1b")
WORDS = 30_000
PARAMS: dict[str, dict[str, Any]] = {
    "generation": {"max_new_tokens": 1},
    "token_ranks": {"max_new_tokens": 1},
    "logit_lens": {"max_new_tokens": 1},
    "watch": {"max_new_tokens": 1, "tokens": (5, 6)},
    "attribution": {"max_new_tokens": 1, "methods": ("input_x_gradient",)},
    "hidden_states": {"max_new_tokens": 1, "measures": ()},
    "neuron_factors": {"max_new_tokens": 1, "n_components": 2, "max_iterations": 1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--analyses", nargs="+", choices=PARAMS, default=list(PARAMS))
    parser.add_argument("--tokens", type=int, default=64, help="tokens of the prompt that times are measured on")
    parser.add_argument("--long", type=int, default=512, help="tokens of the prompt that memory is measured on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--step", choices=STEPS, help="only this, of the first model, as JSON")
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step](FOLDER / options.models[0], options)))
        return
    for name in options.models:
        if not (FOLDER / name / "tokenizer.json").exists():
            apart("saving", name)
        times, bare = apart("times", name), apart("bare_memory", name)
        held = [apart("memory", name, "--analyses", analysis) for analysis in options.analyses]
        rows = [(what, ours, passes, ours / passes) for what, (ours, passes) in times["rows"].items()]
        columns = ("what", "CPU s", "bare passes", "ratio")
        report(f"\n{name}, {options.threads} thread(s), {options.tokens} tokens", columns, rows, times)
        weights = held[0]["weights"]
        sizes = {"weights": weights, "bare pass, peak": bare["peak"]}
        for one in held:
            sizes |= one["peaks"]
        report(
            f"{name}, {options.long} tokens, resident memory of the whole process",
            ("what", "MiB", "to the weights"),
            [(what, size // 2**20, size / weights) for what, size in sizes.items()],
            sizes,
        )


def apart(step: str, model: str, *more: str) -> dict[str, Any]:
    """What a step finds in a new process, where nothing counts that others have used."""
    command = [sys.executable, __file__, *sys.argv[1:], "--step", step, "--models", model, *more]
    with tempfile.TemporaryDirectory() as empty:  # Nothing is known of the model from an earlier run.
        where = {**os.environ, "XDG_CACHE_HOME": empty}
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=where)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def saving(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    """Saves a model with random weights, and a tokenizer with one token per word."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape: dict[str, int] = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22}
    heads = {"num_attention_heads": 32, "num_key_value_heads": 4}
    large = folder.name == "llama-1b"
    model: Any = LlamaForCausalLM(LlamaConfig(**shape, **heads)) if large else GPT2LMHeadModel(GPT2Config())
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    words = {f"w{number}": number for number in range(model.config.vocab_size)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    return {}


def times(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds of loading, of finding out, and of each analysis, beside the bare passes."""
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(options.threads)
    bare = Bare(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = ecco_reports.load_model(bare.module, tokenizer)
    fresh = itertools.count(1)

    def room(analysis: str) -> Callable[[], Any]:
        # Every call has a text of its own: what the analyses of one text share is kept.
        return lambda: ecco_reports.analyze(model, prompt(options.tokens, next(fresh)), analysis, **PARAMS[analysis])

    ids = torch.tensor([numbers(options.tokens, 0)])
    bare.module(ids)  # The first pass brings the weights from the disk.
    contenders: dict[str, Callable[[], Any]] = {"one pass": lambda: bare.module(ids, use_cache=False)}
    for name in options.analyses:
        contenders |= {f"bare {name}": partial(getattr(bare, name), ids), name: room(name)}
    contenders["finding out what it can do"] = lambda: ecco_reports.load_model(bare.module, tokenizer)
    seconds, _ = cpu_seconds(contenders, options.repeats)
    began = time.process_time()
    Bare(folder)
    loading = time.process_time() - began
    found = "finding out what it can do"
    rows = {}
    for what in ("loading (hashing and finding out)", "loading again"):
        began = time.process_time()
        ecco_reports.load_model(ModelSpec(source=str(folder), device="cpu"))
        rows[what] = (time.process_time() - began, loading)
    rows[found] = (seconds[found], seconds["one pass"])
    rows |= {name: (seconds[name], seconds[f"bare {name}"]) for name in options.analyses}
    return {"rows": rows, "threads": options.threads, "torch": torch.__version__}


def memory(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Peak of an analysis on a long prompt, and of what comes before it."""
    import torch
    import transformers.models.auto.modeling_auto

    torch.set_num_threads(options.threads)
    peaks = {"imports": peak()}
    model = ecco_reports.load_model(ModelSpec(source=str(folder), device="cpu"))
    peaks["model, loaded and explored"] = peak()
    (analysis,) = options.analyses
    ecco_reports.analyze(model, prompt(options.long, 1), analysis, **PARAMS[analysis])
    peaks[analysis] = peak()
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return {"weights": weights, "peaks": peaks, "transformers": transformers.__version__}


def bare_memory(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Peak of one pass over a long prompt, with transformers alone."""
    import torch

    torch.set_num_threads(options.threads)
    Bare(folder).module(torch.tensor([numbers(options.long, 1)]), use_cache=False)
    return {"peak": peak()}


class Bare:
    """A model with transformers alone, and the passes that each analysis cannot do without.

    Args:
        folder: Where the model is.
    """

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_grad_enabled(False)
        self.module: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.module.eval().requires_grad_(False)

    def generation(self, ids: Any, logits_to_keep: int = 2, **options: Any) -> Any:
        """Writing a token, and a pass over the whole text that reads out its last places."""
        import torch

        mask = torch.ones_like(ids)
        text = self.module.generate(ids, attention_mask=mask, max_new_tokens=1, do_sample=False, pad_token_id=0)
        return self.module(text, use_cache=False, logits_to_keep=logits_to_keep, **options)

    def logit_lens(self, ids: Any, places: slice = slice(-1), logits_to_keep: int = 0) -> Any:
        """A pass that reads out all places, and norm and head on every state of it where a token follows."""
        output = self.generation(ids, logits_to_keep, output_hidden_states=True)
        base = self.module.base_model
        norm = base.ln_f if hasattr(base, "ln_f") else base.norm
        # The last of them is behind the norm already, and the model's own logits stand for it.
        return [self.module.lm_head(norm(state[:, places])) for state in output.hidden_states[:-1]]

    def token_ranks(self, ids: Any) -> Any:
        """The same at the place where the token was written alone."""
        return self.logit_lens(ids, slice(-2, -1), logits_to_keep=2)

    def watch(self, ids: Any) -> Any:
        """The same as for ranks."""
        return self.token_ranks(ids)

    def hidden_states(self, ids: Any) -> Any:
        """A pass that keeps the states."""
        return self.generation(ids, output_hidden_states=True)

    def neuron_factors(self, ids: Any) -> Any:
        """A pass; taking the activations apart is no pass."""
        return self.generation(ids)

    def attribution(self, ids: Any) -> Any:
        """What generation needs, and a pass forwards and backwards from the embeddings; none that proves it."""
        import torch

        self.generation(ids)
        with torch.enable_grad():
            inputs = self.module.get_input_embeddings()(ids).detach().requires_grad_(True)
            logits = self.module(inputs_embeds=inputs, use_cache=False, logits_to_keep=1).logits[0, -1]
            return torch.autograd.grad(logits.log_softmax(-1)[0], inputs)


def numbers(length: int, first: int) -> list[int]:
    """The token numbers of a text; texts with different first tokens."""
    return [first, *(7919 * position % WORDS for position in range(1, length))]


def prompt(length: int, first: int) -> Prompt:
    """The same text in words."""
    return Prompt(name="p", text=" ".join(f"w{number}" for number in numbers(length, first)))


def peak() -> int:
    """The most memory that this process has held so far, in bytes; a file that is mapped counts where it was read."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # In bytes on macOS, the only one without /proc here.


STEPS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    step.__name__: step for step in (saving, times, memory, bare_memory)
}

if __name__ == "__main__":
    main()
