"""Attribution of generated tokens: ecco_reports against captum, on one model object with equal nodes and variants.

captum is used as its tutorials use it, one target after the other on the prefix before it, one variant of a text after
the other. Because much of its time goes into logits nobody asked for, it also runs with ``logits_to_keep=1`` ("captum,
last logits only"). Gradients explain all generated tokens; occlusion explains the first one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from captum.attr import FeatureAblation, InputXGradient, LayerIntegratedGradients
from measure import cpu_seconds, report
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel

from ecco_reports.methods.gradients import gradients, integrated_gradients
from ecco_reports.methods.perturbation import occlusion
from ecco_reports.methods.targets import Target
from ecco_reports.methods.variants import Perturbed
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.families import CausalSpeech
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Passage


def gpt2_small(seed: int) -> Any:
    """A GPT-2 of the small size with random weights, doubled so that attributions stand out from rounding."""
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(GPT2Config()).eval().requires_grad_(False)
    with torch.no_grad():
        for parameter in model.transformer.h.parameters():
            if parameter.dim() > 1:
                parameter.mul_(2.0)
    return model


class Ours:
    """All targets at once."""

    def __init__(self, model: LanguageModel, ids: torch.Tensor, baseline: torch.Tensor, prompt: int) -> None:
        self.model, self.baseline, self.prompt = model, baseline, prompt
        passage = Passage(tokens=tuple(map(model.tokenizer.token, ids.tolist())), prompt_length=prompt)
        self.reading = CausalSpeech().reading(passage, ())
        self.inputs = model.embed(self.reading)
        self.targets = [Target(position - 1, int(ids[position])) for position in range(prompt, len(ids))]

    def integrated(self, nodes: int) -> torch.Tensor:
        """Integrated gradients, ``[target, position]``."""
        asked = (self.model, self.reading, self.inputs, self.baseline, self.targets)
        return integrated_gradients(*asked, "logprob", tolerance=1.0, ladder=(nodes,)).vectors.sum(-1)

    def times_gradient(self) -> torch.Tensor:
        """Input x gradient, ``[target, position]``."""
        found = gradients(self.model, self.reading, self.inputs, self.targets, "logprob")
        return (found.vectors * self.inputs).sum(-1)

    def left_out(self) -> torch.Tensor:
        """Occlusion of the prompt's tokens for the first generated one, ``[position]``."""
        units = [(position,) for position in range(self.prompt)]
        variants = Perturbed(self.model, self.reading, units, self.targets[:1], "logprob")
        return torch.from_numpy(occlusion(variants.replacing(self.baseline), self.prompt).contributions[0])


class Captum:
    """One target after the other."""

    def __init__(self, model: Any, ids: torch.Tensor, prompt: int, **forward: Any) -> None:
        self.model, self.ids, self.prompt, self.forward = model, ids, prompt, forward

    def _logprobs(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.model(**inputs, use_cache=False, **self.forward).logits[:, -1].log_softmax(-1)

    def _each(self, attribute: Callable[[torch.Tensor, int], torch.Tensor]) -> torch.Tensor:
        rows = torch.zeros(len(self.ids) - self.prompt, len(self.ids))
        for row, position in enumerate(range(self.prompt, len(self.ids))):
            rows[row, :position] = attribute(self.ids[None, :position], int(self.ids[position])).sum(-1)[0]
        return rows

    def integrated(self, nodes: int) -> torch.Tensor:
        """Integrated gradients, ``[target, position]``."""
        method = LayerIntegratedGradients(lambda ids: self._logprobs(input_ids=ids), self.model.get_input_embeddings())
        end = self.model.config.eos_token_id
        return self._each(
            lambda ids, token: method.attribute(ids, torch.full_like(ids, end), target=token, n_steps=nodes)
        )

    def times_gradient(self) -> torch.Tensor:
        """Input x gradient, ``[target, position]``."""
        method = InputXGradient(lambda embedded: self._logprobs(inputs_embeds=embedded))
        embed = self.model.get_input_embeddings()
        return self._each(lambda ids, token: method.attribute(embed(ids).requires_grad_(True), target=token).detach())

    @torch.no_grad()
    def left_out(self) -> torch.Tensor:
        """Occlusion of the prompt's tokens for the first generated one, ``[position]``."""
        method = FeatureAblation(lambda ids: self._logprobs(input_ids=ids))
        ids, token = self.ids[None, : self.prompt], int(self.ids[self.prompt])
        return method.attribute(ids, baselines=self.model.config.eos_token_id, target=token)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt", type=int, default=64, help="tokens of the prompt")
    parser.add_argument("--generated", type=int, default=16, help="generated tokens, all of them explained")
    parser.add_argument("--nodes", type=int, default=8, help="nodes of integrated gradients, for both")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = gpt2_small(seed=0)
    ids = torch.randint(0, model.config.vocab_size, (options.prompt + options.generated,))
    tokenizer = Tokenizer(WordLevel({f"w{number}": number for number in range(model.config.vocab_size)}, "w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    language_model = wrap(model, tokenizer)
    ours = Ours(language_model, ids, language_model.token_embedding("eos").expand(len(ids), -1), options.prompt)
    captum = Captum(model, ids, options.prompt)
    lean = Captum(model, ids, options.prompt, logits_to_keep=1)
    figures: dict[str, Any] = vars(options) | {"torch": torch.__version__}
    rows = []
    methods: dict[str, tuple[Callable[[Any], Callable[[], torch.Tensor]], int]] = {
        "integrated gradients": (lambda who: partial(who.integrated, options.nodes), options.repeats),
        "input x gradient": (lambda who: who.times_gradient, 2 * options.repeats - 1),
        "occlusion": (lambda who: who.left_out, options.repeats),
    }
    for name, (call, repeats) in methods.items():
        contenders = {"ours": call(ours), "captum": call(captum), "captum, last logits only": call(lean)}
        seconds, answers = cpu_seconds(contenders, repeats)
        scale = float(answers["captum"].abs().max())
        for who, spent in seconds.items():
            difference = float((answers[who] - answers["captum"]).abs().max())
            rows.append((name, who, spent, spent / seconds["ours"], difference, scale))
            figures[f"{name}: {who}"] = {
                "cpu_seconds": round(spent, 3), "times_ours": round(spent / seconds["ours"], 3),
                "largest_difference_from_captum": difference, "largest_attribution": scale,
            }  # fmt: skip
    columns = ("method", "who", "CPU s", "times ours", "difference", "of a largest")
    report("Attribution of generated tokens, one thread, medians", columns, rows, figures)


if __name__ == "__main__":
    main()
