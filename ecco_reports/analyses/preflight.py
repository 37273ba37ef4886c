"""Questions that the rooms ask before anything is computed: is this one token, is that layer or position there.

In: params, a prompt and what is known of the model without loading it. Out: problems, as ``Analysis.problems`` yields
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.layers import BlockChoice, BlockRange, LayerChoice, LayerRange, highest
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import ModelFacts, TextTokenizer
from ecco_reports.records import Family, Prompt, Record

Path: TypeAlias = tuple[str | int, ...]
FoundProblem: TypeAlias = tuple[Path, str, str]

_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER, None)
"""Who writes on; of a model that is not known yet it is supposed."""


def length_problems(params: Record, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A prompt that a model cannot read, or that is longer than what it reads, what is to be written included.

    An encoder-decoder counts what it reads and what it writes apart; a model that does not write on has nothing to add.
    """
    if facts.tokenize is None:
        return
    try:
        read = facts.tokenize.encode(prompt).tokens
    except CapabilityError as error:
        part = "messages" if prompt.messages else "text" if prompt.text_pair is None else "text_pair"
        yield ("prompt", part), f"{facts.spec.source}: {error}", ""
        return
    model = f"the model {facts.spec.source!r}"
    if all(token.special for token in read):
        yield ("prompt",), f"{model} sees no token in this prompt.", "Write some text."
    elif facts.context_length is not None:
        writes = isinstance(params, DecodingParams) and facts.family in _WRITERS
        new = params.max_new_tokens if isinstance(params, DecodingParams) and writes else 0
        yield from _too_long(len(read), new, facts.context_length, model, facts.family is Family.ENCODER_DECODER)


def _too_long(tokens: int, new: int, limit: int, model: str, apart: bool) -> Iterator[FoundProblem]:
    """More tokens than a model reads; ``apart`` if what it writes has a limit of its own."""
    room = limit - (1 if apart else tokens)  # A decoder begins with a token of its own.
    after = 0 if apart else new
    if tokens + after > limit:
        included = f", {after} generated ones included" if after else ""
        way_out = f", or set max_new_tokens to {room} or less" if after and room > 0 else ""
        yield (
            ("prompt",),
            f"this prompt has {_tokens(tokens)} for {model}, which reads {limit} at most{included}.",
            f"Shorten it by {_tokens(tokens + after - limit)}{way_out}.",
        )
    if apart and new > room:
        what = f"{_tokens(new)} are more than the decoder of {model} can write, which is {room} at most."
        yield ("prompt",), what, f"Set max_new_tokens to {room} or less."


def family_problems(params: Record, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A prompt that gives the model nothing to say: no mask to fill in, no passage to find an answer in."""
    if not isinstance(params, DecodingParams) or not params.about_speech:
        return
    model, tokenizer = f"the model {facts.spec.source!r}", facts.tokenize
    if facts.family is Family.QUESTION_ANSWERING and prompt.text_pair is None:
        what = f"{model} answers a question by a span of a second text, and this prompt has only one."
        yield ("prompt",), what, "Write the question under text, and the passage with the answer under text_pair."
    if facts.family is Family.MASKED and tokenizer is not None and tokenizer.mask is not None:
        mask = tokenizer.mask
        if mask.id not in tokenizer.encode(prompt).ids:
            what = f"{model} fills in masks, and this prompt has none."
            yield ("prompt",), what, f"Write {mask.text} where a word is missing."


def _tokens(count: int) -> str:
    return f"{count} token{'' if count == 1 else 's'}"


def not_one_token(word: str, path: Path, tokenizer: TextTokenizer) -> Iterator[FoundProblem]:
    """A word that must be one token of the model and is not."""
    ids = tokenizer.continuation_ids(word)
    if len(ids) == 1:
        return
    if not ids:
        yield path, "an empty text is no token.", "Write the token, with its leading space if it has one."
        return
    pieces = ", ".join(repr(token.text) for token in tokenizer.tokens(ids))
    spaced = " " + word.strip()
    if word != spaced and len(tokenizer.continuation_ids(spaced)) == 1:
        hint = f"Write {spaced!r}, with the space in front: that is one token."
    else:
        hint = f"Take its first token, {tokenizer.tokens(ids)[0].text!r}, or another word."
    yield path, f"{word!r} is not one token for this model but {len(ids)}: {pieces}.", hint


def outcome_problems(word: str, path: Path, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A word that is nothing the model could say at one place: not one token, or no class of a classifier."""
    match facts.family:
        case Family.CLASSIFICATION:
            if word not in facts.labels:
                listed = ", ".join(map(repr, facts.labels))
                yield path, f"{word!r} is no class of this model, which knows {listed}.", "Write one of these."
        case Family.QUESTION_ANSWERING:
            what = f"{word!r} cannot be asked about: this model answers by a span of the text."
            yield path, what, "Leave it out; the answer that the model gives is explained."
        case _:
            if facts.tokenize is not None:
                yield from not_one_token(word, path, facts.tokenize)


def outcome_of(word: str, facts: ModelFacts, tokenizer: TextTokenizer) -> int:
    """The number of a word among all that the model could say at one place."""
    if facts.family is Family.CLASSIFICATION:
        return facts.labels.index(word)
    return tokenizer.continuation_ids(word)[0]


def target_problems(prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A prompt's target or foil that is not one token, or no class of a classifier."""
    for name, word in (("target", prompt.target), ("foil", prompt.foil)):
        if word is not None:
            yield from outcome_problems(word, ("prompt", name), facts)


def layer_problems(layers: LayerChoice | BlockChoice, facts: ModelFacts) -> Iterator[FoundProblem]:
    """Layers that the model does not have, and ranges that end before they begin."""
    if layers == "all" or facts.layers is None:
        return
    count = facts.layers
    if not isinstance(layers, LayerRange | BlockRange):
        yield from _layers_out_of_range(dict(enumerate(layers)), count)
        return
    wrong = list(_layers_out_of_range({"first": layers.first, "last": layers.last}, count))
    yield from wrong
    first = layers.first % count if isinstance(layers.first, int) else 0
    last = highest(layers.last, count)
    if not wrong and first > last:
        what = f"this range begins at layer {first} and ends at layer {last}, below it."
        yield ("layers",), what, f"Write {{first: {last}, last: {first}}}."


def _layers_out_of_range(layers: Mapping[str, object] | Mapping[int, object], count: int) -> Iterator[FoundProblem]:
    for step, layer in layers.items():
        if isinstance(layer, int) and not -count <= layer < count:
            yield (
                ("layers", step),
                f"layer {layer} is out of range: the model has {count} layers.",
                f"Write 0 to {count - 1}, or -1 to -{count} counted from its end.",
            )


def position_problems(
    positions: Sequence[int], path: Path, prompt: Prompt, facts: ModelFacts
) -> Iterator[FoundProblem]:
    """Positions that the prompt does not have.

    Args:
        positions: Counted from 0, or from the prompt's end when negative.
        path: Where the list stands; a single position passes its own path and a list of one.
        prompt: The prompt.
        facts: What is known of the model.
    """
    if facts.tokenize is None:
        return
    length = len(facts.tokenize.encode(prompt).tokens)
    for index, position in enumerate(positions):
        if not -length <= position < length:
            yield (
                path if len(positions) == 1 else (*path, index),
                f"position {position} is out of range: the prompt {prompt.name!r} has {length} tokens.",
                f"Write 0 to {length - 1}, or -1 to -{length} counted from its end.",
            )
