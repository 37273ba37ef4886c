"""The figures of the logit lens. Pure: stored results in, figures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses.layers import layer_name
from ecco_reports.analyses.logit_lens.results import LogitLensResult
from ecco_reports.analyses.logit_lens.words import grid_reading, grid_title, lens_words
from ecco_reports.analyses.places import window
from ecco_reports.analyses.race import labels_of, where
from ecco_reports.analyses.reading_out import AS_ECCO
from ecco_reports.analyses.voice import numbered, place_name, said, share, voice_of
from ecco_reports.records import Family

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.charts.lens import LensCell

_NUMBERS_SHOWN = 36_000
"""How many numbers a chart holds; more would be slow to draw and large to send."""
_BESIDE_CANDIDATES = 4
"""Numbers of a cell beside those of its candidates."""


def grid_of(result: LogitLensResult, summary: str) -> Figure:
    """Layers and places, and what each layer would say; of a long text the part that the question is about."""
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lens import lens_grid

    family, layers = result.passage.family, [layer_name(state) for state in result.states]
    per_place = len(layers) * (2 * result.candidates.shape[-1] + _BESIDE_CANDIDATES)
    columns = window(result.places, result.question, max(1, _NUMBERS_SHOWN // per_place))
    cut = ""
    if len(columns) < len(result.places):
        cut = (
            f" The chart shows {len(columns)} of {len(result.places):,} places, from position "
            f"{result.places[columns[0]]:,} on; the files below hold all of them."
        )
    cells = [[_cell(result, row, column) for column in columns] for row in range(len(layers))]
    labels = _right_labels(result)
    warning, title = "", grid_title(family)
    if not result.apply_final_norm:
        warning, title = f"{AS_ECCO}. ", f"{title}, without the final norm"
    return ChartFigure(
        id="grid",
        title=title,
        reading=f"{warning}{grid_reading(family, result.apply_final_norm)}{cut}",
        alt_text=f"Logit lens over {len(layers)} layers and {len(columns)} places. {summary}",
        chart=lens_grid(
            layers,
            [place_name(result.passage, result.places[column]) for column in columns],
            [labels[column] for column in columns],
            cells,
            lens_words(family),
        ),
    )


def lines_of(result: LogitLensResult) -> Figure:
    """The probability of the watched tokens by layer, at the place of the question."""
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lens import lens_lines
    from ecco_reports.charts.lines import Race

    words = [f"“{token.word}”" for token in result.watched]
    finals = result.watched_probabilities[-1]
    spot = "" if result.question is None else where(result.passage, result.question)
    warning = "" if result.apply_final_norm else f"{AS_ECCO}. "
    return ChartFigure(
        id="lines",
        title=f"Probability of {' and '.join(words)} by layer" + ("" if not warning else ", without the final norm"),
        reading=f"{warning}The same lens for {voice_of(result.passage.family).asked} alone, and for chosen candidates "
        "only: the layer where a line climbs is where the model makes up its mind.",
        alt_text=", ".join(f"{word} ends at {share(final)}" for word, final in zip(words, finals, strict=True)) + ".",
        chart=lens_lines(
            [layer_name(state) for state in result.states],
            [
                Race(
                    spot,
                    labels_of(result.passage, result.watched, result.watched_numbers),
                    result.watched_probabilities,
                )
            ],
        ),
    )


def names_of(result: LogitLensResult, indices: Sequence[int]) -> list[str]:
    """Labels of outcomes, given as indices into the vocabulary."""
    if result.passage.family is Family.QUESTION_ANSWERING:
        return [numbered(result.passage, result.numbers[index]) for index in indices]
    return [said(result.passage, result.vocabulary[index]) for index in indices]


def _right_labels(result: LogitLensResult) -> list[str]:
    """What was right in each column; of an answer, where in the text it is, since a word may stand there twice."""
    passage = result.passage
    if passage.family is not Family.QUESTION_ANSWERING:
        return [said(passage, token) for token in result.next_tokens]
    return [numbered(passage, passage.answer_positions[place]) for place in result.places]


def _cell(result: LogitLensResult, row: int, column: int) -> LensCell:
    from ecco_reports.charts.lens import LensCell

    names = names_of(result, result.candidates[row, column].tolist())
    return LensCell(
        candidates=list(zip(names, result.probabilities[row, column].tolist(), strict=True)),
        target_probability=math.exp(float(result.next_logprob[row, column])),
        target_rank=int(result.next_rank[row, column]),
        entropy=float(result.entropy[row, column]),
        kl=float(result.divergence[row, column]),
    )
