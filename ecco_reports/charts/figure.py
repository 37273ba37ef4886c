"""What an analysis hands to a page or a notebook: figures.

A figure says what it is called, how to read it, and what somebody who cannot see it should hear. There are two kinds:
an Altair chart, and a token strip (running text whose tokens are coloured), which HTML does better than a plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import altair as alt

from ecco_reports.records import Passage


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
        generated: Whether the model wrote it (else it is of the prompt).
        special: Whether it belongs to a template rather than to the text.
        note: A word about it, such as the character that its bytes complete; may be empty.
    """

    text: str
    label: str
    position: int
    generated: bool = False
    special: bool = False
    note: str = ""


def strip_tokens(passage: Passage) -> tuple[StripToken, ...]:
    """The tokens of a prompt and its continuation, as a strip shows them."""
    return tuple(
        StripToken(
            text=token.text,
            label=token.label,
            position=position,
            generated=position >= passage.prompt_length,
            special=token.special,
            note=f"completes {token.completes}" if token.completes else "",
        )
        for position, token in enumerate(passage.tokens)
    )


@dataclass(frozen=True)
class StripRow:
    """What a strip shows when one of its outputs is chosen.

    Attributes:
        output: How the output is called: a generated token's label, or "Tokyo rather than Paris".
        position: The strip position of that output token, or None where it is not in the text.
        scores: One signed number per token before it, in reading order.
        detail: What is known of the output itself ("probability 97.1 %, rank 1"); may be empty.
    """

    output: str
    position: int | None
    scores: Sequence[float]
    detail: str = ""


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
    """

    id: str
    title: str
    reading: str
    alt_text: str
    tokens: Sequence[StripToken]
    rows: Sequence[StripRow]
    unit: str
    signed: bool

    def _repr_html_(self) -> str:
        """What a notebook displays: the strip with its style and script inside."""
        from ecco_reports.charts.embed import notebook_html

        return notebook_html(self)


Figure: TypeAlias = ChartFigure | TokenStrip
