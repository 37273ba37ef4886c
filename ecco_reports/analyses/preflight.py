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
from ecco_reports.models.api.server import refused_settings
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
        apart = facts.family is Family.ENCODER_DECODER
        limit, given = facts.context_length, prompt.continuation is not None
        yield from _too_long(len(read), tokens_after(params, prompt, facts), limit, model, apart, given)


def tokens_after(params: Record, prompt: Prompt, facts: ModelFacts) -> int:
    """How many tokens stand after a prompt, at most: those of its continuation, or those that the model writes."""
    if not isinstance(params, DecodingParams) or facts.family not in _WRITERS:
        return 0
    if prompt.continuation is None or facts.tokenize is None:
        return params.max_new_tokens
    return len(facts.tokenize.continuation_ids(prompt.continuation))


def _too_long(tokens: int, new: int, limit: int, model: str, apart: bool, given: bool) -> Iterator[FoundProblem]:
    """More tokens than a model reads.

    Args:
        tokens: Of the prompt.
        new: After it.
        limit: How many the model reads.
        model: Its name in a sentence.
        apart: Whether what it writes has a limit of its own.
        given: Whether the new ones are those of a given continuation.
    """
    room = limit - (1 if apart else tokens)  # A decoder begins with a token of its own.
    after = 0 if apart else new
    if tokens + after > limit:
        included = f", {after} {'of the continuation' if given else 'generated ones'} included" if after else ""
        way_out = f", or set max_new_tokens to {room} or less" if after and room > 0 and not given else ""
        yield (
            ("prompt",),
            f"this prompt has {_tokens(tokens)} for {model}, which reads {limit} at most{included}.",
            f"Shorten it by {_tokens(tokens + after - limit)}{way_out}.",
        )
    if apart and new > room and given:
        what = f"this continuation has {_tokens(new)} for the decoder of {model}, which reads {room} at most."
        yield ("prompt", "continuation"), what, f"Shorten it by {_tokens(new - room)}."
    elif apart and new > room:
        what = f"{_tokens(new)} are more than the decoder of {model} can write, which is {room} at most."
        yield ("prompt",), what, f"Set max_new_tokens to {room} or less."


def family_problems(params: Record, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """What a model cannot do with such a prompt, or with such settings of how to write.

    There is nothing to say (no mask to fill in, no passage to find an answer in), a continuation is given to a model
    that does not write on, or its server has no such setting.
    """
    if not isinstance(params, DecodingParams) or not params.about_speech:
        return
    yield from continuation_problems(prompt, facts)
    if facts.spec.is_served and prompt.continuation is None:
        yield from ((path, f"{facts.spec.source} {what}", hint) for path, what, hint in refused_settings(params))
    model, tokenizer = f"the model {facts.spec.source!r}", facts.tokenize
    if facts.family is Family.QUESTION_ANSWERING and prompt.text_pair is None:
        what = f"{model} answers a question by a span of a second text, and this prompt has only one."
        yield ("prompt",), what, "Write the question under text, and the passage with the answer under text_pair."
    if facts.family is Family.MASKED and tokenizer is not None and tokenizer.mask is not None:
        mask = tokenizer.mask
        if mask.id not in tokenizer.encode(prompt).ids:
            what = f"{model} fills in masks, and this prompt has none."
            yield ("prompt",), what, f"Write {mask.text} where a word is missing."


_NO_CONTINUATION = {
    Family.MASKED: (
        "fills in masks and writes nothing after a prompt",
        "Leave it out, and write a mask where the token is missing that you ask about",
    ),
    Family.CLASSIFICATION: ("chooses a class and writes nothing after a prompt", "Write it at the end of the text"),
    Family.QUESTION_ANSWERING: (
        "answers by a span of its second text and writes nothing after a prompt",
        "Leave it out; the answer that the model gives is explained",
    ),
    Family.NONE: ("has no head and says nothing", "Write it at the end of the text"),
}


def continuation_problems(prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A continuation for a model that does not write on, or one that is no text to it."""
    if prompt.continuation is None:
        return
    path, model = ("prompt", "continuation"), f"the model {facts.spec.source!r}"
    if facts.family in _NO_CONTINUATION:
        what, hint = _NO_CONTINUATION[facts.family]
        yield path, f"{model} {what}, so a continuation cannot be given.", f"{hint}, or choose `models:` that write."
    elif facts.spec.is_served and facts.spec.endpoint == "chat":
        what = f"{model} is asked for answers (endpoint: chat), and a server tells nothing of an answer it is given."
        yield path, what, "Leave it out, or write `endpoint: completions` if the server has it and repeats prompts."
    elif facts.tokenize is not None and not facts.tokenize.continuation_ids(prompt.continuation):
        yield path, f"{model} sees no token in this continuation.", "Write some text."


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
