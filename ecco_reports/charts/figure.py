"""What an analysis hands to a page or a notebook: figures.

A figure says what it is called, how to read it, and what somebody who cannot see it should hear. There are three kinds:
an Altair chart, and two strips (running text whose tokens are coloured, by an output or by a factor), which HTML does
better than a plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import altair as alt

from ecco_reports.records import Passage, Token


@dataclass(frozen=True)
class ChartFigure:
    """An Altair chart with the words that go with it.

    Attributes:
        id: Slug, unique among the figures of one result.
        title: A few words.
        reading: Two or three sentences: how to read it. Plain text.
        alt_text: What it shows, in one or two sentences, with the numbers that matter. Plain text.
        chart: The chart; pure Vega-Lite, width ``"container"`` where that makes sense, colours from ``charts.style``.
    """

    id: str
    title: str
    reading: str
    alt_text: str
    chart: alt.TopLevelMixin

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        """What a notebook displays: the chart, as Altair's own renderer shows it."""
        return self.chart._repr_mimebundle_(*args, **kwargs)


@dataclass(frozen=True)
class StripToken:
    """One token of a strip.

    Attributes:
        text: As it reads in the text (white space kept).
        label: With white space and control characters made visible.
        position: Counted from 0.
        generated: Whether it stands after the prompt: the model wrote it, or was given it to go on with.
        special: Whether it belongs to a template rather than to the text.
        pieces: What stands in it instead of its text alone, if it is a part of a character: characters, and signs for
            bytes (True).
        before: Characters of the text between the token before it and this one that no token stands for.
        after: The same after the last token of a text.
        opens: What begins with it ("second text"), where a strip has several parts; else empty.
        note: A word about it; may be empty.
        scored: Whether scores are about it at all; else it has no colour and no number.
        ignored: Whether it was left out of the comparison on purpose; it is shown in grey.
    """

    text: str
    label: str
    position: int
    generated: bool = False
    special: bool = False
    pieces: tuple[tuple[str, bool], ...] = ()
    before: str = ""
    after: str = ""
    opens: str = ""
    note: str = ""
    scored: bool = True
    ignored: bool = False


def strip_tokens(passage: Passage) -> tuple[StripToken, ...]:
    """The tokens of a prompt and its continuation, as a strip shows them."""
    opens = _openings(passage)
    return tuple(
        StripToken(
            text=token.characters,
            label=token.label,
            position=position,
            generated=position >= passage.prompt_length,
            special=token.special,
            pieces=token.inside if token.partial else (),
            before=token.before,
            after=token.after,
            opens=opens.get(position, ""),
            note=_note(token),
        )
        for position, token in enumerate(passage.tokens)
    )


def joined(parts: Sequence[StripToken], label: str) -> StripToken:
    """Tokens that follow one another as one piece of text, in the place of the first."""
    if len(parts) == 1:
        return parts[0]
    text = "".join((part.before if index else "") + part.text for index, part in enumerate(parts))
    return replace(parts[0], text=text, label=label, pieces=(), after=parts[-1].after, note="")


def _openings(passage: Passage) -> dict[int, str]:
    """Where the parts of a passage begin, and what they are called; nothing where there is only one."""
    opens = {}
    second = next((position for position, token in enumerate(passage.tokens) if token.second), None)
    if second is not None:
        opens = {0: "first text", second: "second text"}
    if passage.encoder_length:
        decoder = "given to the decoder" if passage.forced else "written by the decoder"
        opens = {**opens, 0: "read by the encoder", passage.encoder_length: decoder}
    elif passage.forced:
        opens = {0: "prompt", passage.prompt_length: "given continuation"}
    return opens


def _note(token: Token) -> str:
    """What is known of a token beyond its text: what its bytes complete, and what the model reads instead of it."""
    if token.completes:
        return f"completes {token.completes}"
    piece = token.piece.removeprefix("##").removesuffix("</w>").replace("▁", " ").replace("Ġ", " ").strip()
    # Pieces of a byte-level vocabulary that are not ASCII are bytes in disguise, and say nothing to a reader.
    other = bool(piece) and piece.isascii() and token.span is not None and piece != token.text.strip()
    return f"read as {piece}" if other and not token.partial else ""


@dataclass(frozen=True)
class StripRow:
    """What a strip shows when one of its outputs is chosen.

    Attributes:
        output: How the output is called: a generated token's label, or "Tokyo rather than Paris".
        position: The strip position of that output token, or None where it is not in the text.
        scores: One signed number per token before it, in reading order.
        detail: What is known of the output itself ("probability 97.1 %, rank 1"); may be empty.
        parts: What is said of each part of the text that has a heading, in reading order ("79 % of all"); may be empty.
    """

    output: str
    position: int | None
    scores: Sequence[float]
    detail: str = ""
    parts: Sequence[str] = ()


@dataclass(frozen=True)
class TokenStrip:
    """Running text in which one chooses an output token, and the tokens before it take its colours.

    Attributes:
        id: Slug, unique among the figures of one result.
        title: A few words.
        reading: Two or three sentences: how to read it. Plain text.
        alt_text: What it shows, in one or two sentences.
        tokens: All tokens, prompt first.
        rows: One per output, in order.
        unit: What a score is ("contribution to the log-probability, in nats").
        signed: Whether scores can be negative (two colours) or not (one).
        shares: Whether scores are shares of 1, to be written as per cent.
    """

    id: str
    title: str
    reading: str
    alt_text: str
    tokens: Sequence[StripToken]
    rows: Sequence[StripRow]
    unit: str
    signed: bool
    shares: bool = False

    def _repr_html_(self) -> str:
        """What a notebook displays: the strip with its style and script inside."""
        from ecco_reports.charts.embed import notebook_html

        return notebook_html(self)


@dataclass(frozen=True)
class FactorRow:
    """A factor of a strip.

    Attributes:
        name: What people call it: the words it is strongest at.
        share: How much it explains, for a reader ("9.6 %").
        loadings: One number from 0 to 1 per token of the strip; None for one that was left out.
    """

    name: str
    share: str
    loadings: Sequence[float | None]


@dataclass(frozen=True)
class FactorStrip:
    """Running text beside a list of factors: one chooses a factor, and its tokens take its colour, or the reverse.

    Attributes:
        id: Slug, unique among the figures of one result.
        title: A few words.
        reading: Two or three sentences: how to read it. Plain text.
        alt_text: What it shows, in one or two sentences.
        tokens: All tokens, prompt first.
        factors: In order.
    """

    id: str
    title: str
    reading: str
    alt_text: str
    tokens: Sequence[StripToken]
    factors: Sequence[FactorRow]

    def _repr_html_(self) -> str:
        """What a notebook displays: the strip with its style and script inside."""
        from ecco_reports.charts.embed import notebook_html

        return notebook_html(self)


Figure: TypeAlias = ChartFigure | TokenStrip | FactorStrip
