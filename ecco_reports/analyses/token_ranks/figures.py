"""The figures of token ranks. Pure: stored results in, figures out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecco_reports.analyses.layers import layer_name
from ecco_reports.analyses.places import input_label, stands_at, window
from ecco_reports.analyses.race import context, labels_of, where
from ecco_reports.analyses.reading_out import AS_ECCO
from ecco_reports.analyses.token_ranks.results import TokenRanksResult
from ecco_reports.analyses.voice import numbered, said, voice_of
from ecco_reports.records import Family, Passage

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.charts.ranks import RankWords

_NUMBERS_SHOWN = 6_400
"""How many numbers a chart holds; more would be slow to draw and large to send."""


def position_of(passage: Passage, place: int) -> int | None:
    """Where something that was said stands."""
    if passage.family is Family.QUESTION_ANSWERING:
        return passage.answer_positions[place]
    return stands_at(passage, place)


def labels_of_columns(result: TokenRanksResult) -> list[str]:
    """Labels of what is followed; the ends of an answer with their place in the text."""
    if result.passage.family is Family.QUESTION_ANSWERING:
        return [numbered(result.passage, position_of(result.passage, place)) for place in result.places]
    return [said(result.passage, token) for token in result.tokens]


def rank_grid_of(result: TokenRanksResult, summary: str) -> Figure:
    """The ranks of what was said; of a long text the part that the question is about."""
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.ranks import rank_grid

    layers, voice = [layer_name(state) for state in result.states], voice_of(result.passage)
    most = max(1, _NUMBERS_SHOWN // (len(layers) * (1 + result.candidates.shape[-1])))
    question = next((place for place, own in zip(result.places, result.generated, strict=True) if own), None)
    shown = window(result.places, question, most)
    thing = voice.thing if all(result.generated) else voice.expected
    cut = ""
    if len(shown) < len(result.places):
        cut = f" The chart shows {len(shown)} of {len(result.places):,} columns; the files below hold all of them."
    warning = "" if result.apply_final_norm else f"{AS_ECCO}. "
    labels = labels_of_columns(result)
    return ChartFigure(
        id="grid",
        title=f"Rank of each {thing}, layer by layer" + ("" if result.apply_final_norm else ", without the final norm"),
        reading=f"{warning}Each column is one {thing}, read from the bottom up; the number is its rank among the "
        f"{result.vocab_size:,} candidates if the model stopped after that layer. Rank 1 means it is the first choice. "
        f"The layer where a column turns to 1 is where that was decided.{cut} Point at a cell to see what the layer "
        "would rather have said.",
        alt_text=f"Ranks of {len(shown)} {voice.things} over {len(layers)} layers. {summary}",
        chart=rank_grid(
            layers,
            [labels[column] for column in shown],
            result.ranks[:, shown.start : shown.stop],
            result.vocab_size,
            _words(result, shown, thing),
        ),
    )


def _words(result: TokenRanksResult, shown: range, thing: str) -> RankWords:
    from ecco_reports.charts.ranks import RankWords

    names = labels_of(result.passage, result.vocabulary, result.numbers)
    inputs = [input_label(result.passage, result.places[column]) for column in shown]
    follows = result.passage.family in (Family.CAUSAL, Family.ENCODER_DECODER)
    return RankWords(
        thing,
        inputs if follows else (),
        [
            [[names[index] for index in cell] for cell in row[shown.start : shown.stop].tolist()]
            for row in result.candidates
        ],
    )


def race_of(result: TokenRanksResult) -> Figure:
    """The watched words by their ranks."""
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lines import Race
    from ecco_reports.charts.ranks import rank_lines

    spot = where(result.passage, result.watch_place)
    labels = labels_of(result.passage, result.watched, result.watched_numbers)
    warning = "" if result.apply_final_norm else f"{AS_ECCO}. "
    return ChartFigure(
        id="watch",
        title=f"The watched words compete: “{context(result.passage, result.watch_place)}”",
        reading=f"{warning}The rank of each watched word {spot}, layer by layer; the scale is logarithmic and 1 is on "
        "top. Where lines cross, the model changed its mind.",
        alt_text="; ".join(
            f"“{token.word}” ends at rank {result.watched_ranks[-1, index]:,}"
            for index, token in enumerate(result.watched)
        )
        + ".",
        chart=rank_lines(
            [layer_name(state) for state in result.states],
            [Race(spot, labels, result.watched_ranks)],
            result.vocab_size,
        ),
    )
