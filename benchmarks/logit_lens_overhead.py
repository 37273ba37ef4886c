"""What the logit lens room costs beside the passes it cannot do without, on a GPT-2-small-size model.

The bare passes: generating the continuation, one forward pass over the text that keeps the residual stream, and the
model's final norm and head on every state of it, written out with transformers alone.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from measure import cpu_seconds, report
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel

from ecco_reports.analyses.logit_lens import LogitLens, LogitLensParams
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt", type=int, default=64, help="tokens of the prompt")
    parser.add_argument("--generated", type=int, default=1, help="generated tokens; their cost is in both")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model: Any = GPT2LMHeadModel(GPT2Config()).eval().requires_grad_(False)
    model.generation_config.eos_token_id = None
    words = {f"w{number}": number for number in range(model.config.vocab_size)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    prompt = Prompt(name="p", text=" ".join(f"w{number}" for number in torch.randint(0, len(words), (options.prompt,))))
    ids = torch.tensor([tokenizer.encode(prompt.text).ids])

    @torch.no_grad()
    def bare() -> torch.Tensor:
        text = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=options.generated, do_sample=False, pad_token_id=0
        )
        output = model(text, output_hidden_states=True, use_cache=False)
        # The last entry is behind the final norm already, so the model's own logits stand for it.
        below = [model.lm_head(model.transformer.ln_f(state[:, :-1])) for state in output.hidden_states[:-1]]
        return torch.cat([*below, output.logits[:, :-1]])

    def room() -> Any:
        language_model = wrap(model, tokenizer)
        return LogitLens().run(language_model, prompt, LogitLensParams(max_new_tokens=options.generated))

    # Wrapping hashes the weights and tries the model out; a site does that once per model, so it is measured apart.
    seconds, _ = cpu_seconds({"bare": bare, "room": room, "wrap": lambda: wrap(model, tokenizer)}, options.repeats)
    net = seconds["room"] - seconds["wrap"]
    rows = [("bare passes", seconds["bare"], 1.0), ("the room", net, net / seconds["bare"])]
    report("Logit lens over all layers and positions, one thread, medians", ("what", "CPU s", "ratio"), rows, {
        **vars(options), "cpu_seconds": {name: round(spent, 3) for name, spent in seconds.items()},
        "overhead": round(net / seconds["bare"], 3), "torch": torch.__version__,
    })  # fmt: skip


if __name__ == "__main__":
    main()
