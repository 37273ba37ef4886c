"""What there is to see inside the model: how answers form, what they rest on, and what the heads do."""

import statistics
from collections.abc import Callable
from types import MappingProxyType

import torch

from ecco_reports.models.bundled.recipe.checkpoint import Record
from ecco_reports.models.bundled.recipe.facts import corpus
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.facts.probes import questions
from ecco_reports.models.bundled.recipe.facts.repeats import FIRST_WORD_PIECE
from ecco_reports.models.bundled.recipe.inside import (
    favors_entity_per_token,
    induction_heads,
    integrated_gradients,
    previous_token_heads,
    puts_entity_first,
    strongest_is_entity,
)
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS

_LENS_RELATIONS = ("airport", "capital", "language")
_LENS_PROMPTS = 150
_EXPLAINED_PROMPTS = 200
_REPEATED_SEGMENTS = 32
_PERIOD = 24
_BEST_HEADS = 3
_STEPS = 32

_SCORES: MappingProxyType[str, Callable[[torch.Tensor], torch.Tensor]] = MappingProxyType(
    {
        "probability": lambda logits: logits.softmax(-1),
        "log-probability": lambda logits: logits.log_softmax(-1),
    }
)


def lens(loaded: LoadedModel) -> Record:
    """Measure after which layer the answer to a question about a fact is the first choice.

    Args:
        loaded: The model.

    Returns:
        For the embedding and every layer: median rank of the answer, and share of prompts with rank 1.
    """
    asked: list[tuple[str, str]] = []
    for relation in RELATIONS:
        if relation.name in _LENS_RELATIONS:
            seen = questions(relation)["seen"]
            asked += seen[:: max(1, len(seen) * len(_LENS_RELATIONS) // _LENS_PROMPTS)]
    ranks = [loaded.ranks_by_layer(prompt, loaded.encode(answer)[0]) for prompt, answer in asked]
    by_layer = list(zip(*ranks, strict=True))
    return {
        "prompts": len(asked),
        "median_rank": [statistics.median(layer) for layer in by_layer],
        "first_choice_share": [round(sum(rank == 1 for rank in layer) / len(layer), 4) for layer in by_layer],
    }


def entity_first(loaded: LoadedModel) -> Record:
    """Measure how often integrated gradients put the entity before the function words.

    Args:
        loaded: The model.

    Returns:
        By the baseline, the separator in place of every word or embeddings of zeros, and by what is explained, the
        probability of the answer's first token or its logarithm: how often the entity contributes more than the
        function words per token, with its strongest token than any of them, and than all of them together.
    """
    asked = [
        (corpus.fill(template, subject, answer).removesuffix(answer).rstrip(), subject, f" {answer}")
        for relation in RELATIONS
        for subject, answer in relation.pairs
        for template in relation.openings()
        if not relation.is_held_out(subject, template)
    ]
    asked = asked[:: len(asked) // _EXPLAINED_PROMPTS]
    separator = loaded.model.transformer.wte.weight[loaded.tokenizer.eos_token_id].detach()
    report: Record = {"prompts": len(asked)}
    for baseline_name, baseline in (("separators", separator), ("zeros", torch.zeros_like(separator))):
        report[baseline_name] = {}
        for score_name, scored in _SCORES.items():
            found = [_contributions(loaded, *question, scored, baseline) for question in asked]
            report[baseline_name][score_name] = {
                "more_than_all": round(statistics.fmean(puts_entity_first(*each) for each in found), 4),
                "per_token": round(statistics.fmean(favors_entity_per_token(*each) for each in found), 4),
                "more_than_any": round(statistics.fmean(strongest_is_entity(*each) for each in found), 4),
            }
    return report


def _contributions(
    loaded: LoadedModel,
    prompt: str,
    subject: str,
    answer: str,
    scored: Callable[[torch.Tensor], torch.Tensor],
    baseline: torch.Tensor,
) -> tuple[torch.Tensor, list[bool], list[str]]:
    """Contribution of every token, whether it belongs to the subject, and its text."""
    encoded = loaded.tokenizer(prompt, return_offsets_mapping=True)
    tokens, target = torch.tensor(encoded["input_ids"]), loaded.encode(answer)[0]
    start = prompt.lower().index(subject.lower())
    is_entity = [first < start + len(subject) and last > start for first, last in encoded["offset_mapping"]]

    def score(points: torch.Tensor) -> torch.Tensor:
        return scored(loaded.model(inputs_embeds=points, use_cache=False).logits[:, -1])[:, target]

    inputs = loaded.model.transformer.wte(tokens).detach()
    contributions = integrated_gradients(score, inputs, baseline.expand_as(inputs), _STEPS).sum(-1)
    return contributions, is_entity, [loaded.decode([int(token)]) for token in tokens]


@torch.no_grad()
def heads(loaded: LoadedModel) -> Record:
    """Look for heads with a role, on random tokens that are repeated.

    Args:
        loaded: The model.

    Returns:
        The heads that look most at what followed the same token last time, and most at the token before.
    """
    generator = torch.Generator().manual_seed(10)
    pieces = int(loaded.model.config.vocab_size)
    segments = torch.randint(FIRST_WORD_PIECE, pieces, (_REPEATED_SEGMENTS, _PERIOD), generator=generator)
    attentions = loaded.attentions(segments.repeat(1, 2))
    return {
        "sequences": _REPEATED_SEGMENTS,
        "period": _PERIOD,
        "induction": [head._asdict() for head in induction_heads(attentions, _PERIOD)[:_BEST_HEADS]],
        "previous_token": [head._asdict() for head in previous_token_heads(attentions)[:_BEST_HEADS]],
    }
