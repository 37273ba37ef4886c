"""Grids of cells: columns and rows of labels, coloured tiles, and the invisible cells that answer.

Three charts are grids (lens, ranks, contributions); what they share stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ecco_reports.charts import style

ANSWERS = "answers"
"""Style name of the marks that a static picture does without."""


def columns(field: str, labels: str, count: int, title: str | None, **axis: Any) -> alt.X:
    """A column per position, its label above.

    Args:
        field: The positions, from 0.
        labels: The parameter that holds the labels.
        count: How many there are.
        title: What they are, or None where the labels say it.
        axis: Further properties of the axis.
    """
    look = {"orient": "top", "labelAngle": -45, "labelLimit": 110, "labelFontSize": 12} | axis
    return alt.X(
        f"{field}:O",
        title=title,
        axis=style.label_axis(labels, **look),
        scale=alt.Scale(type="band", domain=list(range(count)), paddingInner=0.05),
    )


def rows(field: str, labels: str, count: int, title: str, upwards: bool, **axis: Any) -> alt.Y:
    """A row per position, its label on the left; ``upwards`` puts the first one at the bottom."""
    places = list(range(count))
    return alt.Y(
        f"{field}:O",
        title=title,
        axis=style.label_axis(labels, **axis),
        scale=alt.Scale(type="band", domain=places[::-1] if upwards else places, paddingInner=0.08),
    )


def flattened(field: str, arrays: Sequence[str]) -> alt.Chart:
    """The data set ``cells``, whose rows hold an array per measure, as one row per cell; ``field`` numbers the columns.

    Arrays because the names of the fields would weigh more than the numbers.
    """
    return (
        alt.Chart(alt.NamedData("cells"))
        .transform_calculate(**{field: f"sequence(length(datum.{arrays[0]}))"})
        .transform_flatten([field, *arrays])
    )


class Catalogue:
    """Numbers labels as they come, so that a label that occurs a thousand times is written once."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, label: str) -> int:
        """The number of a label, a new one where it has not occurred yet."""
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(style.shown(label))
        return self._numbers[label]

    def cut(self, letters: int) -> dict[str, str]:
        """By number, the labels that are too long for a cell, cut short."""
        short = {str(number): style.fitting(label, letters) for number, label in enumerate(self.labels)}
        return {number: label for number, label in short.items() if label != self.labels[int(number)]}


def feet(field: str, labels: str, count: int, title: str, **axis: Any) -> alt.Chart:
    """A second row of labels, below the columns; ``columns`` must be a data set with a row for each."""
    look = {"orient": "bottom", "labelAngle": 0, "labelLimit": 0} | axis
    x = columns(field, labels, count, title, **look)
    drawn: alt.Chart = alt.Chart(alt.NamedData("columns")).mark_point(opacity=0, aria=False, tooltip=None).encode(x=x)
    return drawn


def legend(**properties: Any) -> alt.Legend:
    """A ramp below the grid."""
    return alt.Legend(orient="bottom", gradientLength=220, titleLimit=400, **properties)


def frames(base: alt.Chart) -> alt.Chart:
    """Orange frames around cells that the eye should find."""
    marks: alt.Chart = base.mark_rect(
        fill=None, stroke=style.RAISE, strokeWidth=2.5, cornerRadius=2, aria=False, tooltip=None
    )
    return marks


def tiles(base: alt.Chart, colour: alt.Color) -> alt.Chart:
    """The coloured cells of a grid; they neither speak nor answer, ``answers`` does."""
    cells: alt.Chart = base.mark_rect(
        stroke=style.INK, strokeOpacity=0.1, strokeWidth=1, aria=False, tooltip=None
    ).encode(color=colour)
    return cells


def answers(base: alt.Chart, tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """Invisible cells above all others, because text would catch the pointer: they hold tooltip and spoken sentence.

    Args:
        base: Cells whose field ``says`` is the sentence.
        tooltip: What is shown.
    """
    cells: alt.Chart = base.mark_rect(fill="transparent", style=ANSWERS).encode(
        description="says:N", tooltip=list(tooltip)
    )
    return cells


def line_before(column: int, columns: alt.X) -> alt.Chart:
    """A line from top to bottom, on the left of a column."""
    line: alt.Chart = (
        alt.Chart(alt.InlineData([{"i": column}]))
        .mark_rule(color=style.INK, strokeWidth=1.5, strokeDash=[4, 3], opacity=0.7, aria=False, tooltip=None)
        .encode(x=columns.copy().bandPosition(0))
    )
    return line


def choice(name: str, labels: Sequence[str], title: str) -> alt.Parameter:
    """A drop-down of labels, whose value is the number of one; a single label needs none."""
    if len(labels) < 2:
        return alt.param(name=name, value=0)
    options = list(range(len(labels)))
    shown = [style.isolated(style.shown(label)) for label in labels]
    return alt.param(name=name, value=0, bind=alt.binding_select(options=options, labels=shown, name=title))


def told_of_streams(share: str) -> dict[str, str]:
    """What a cell says of two streams of text, which part at the column ``border`` (a parameter).

    Args:
        share: The field with the share of the row that lies before it, in hundredths; it may be missing.
    """
    return {
        "stream": "datum.i < border ? 'read by the encoder' : 'written by the decoder'",
        "shared": f"isValid(datum.{share}) ? datum.{share} + '\u00a0%' : 'not compared'",
    }


def of_streams(border: int) -> list[alt.Tooltip]:
    """The lines of a tooltip that tell two streams of text; none where there is only one."""
    if not border:
        return []
    return [alt.Tooltip("stream:N", title="stream"), alt.Tooltip("shared:N", title="encoder's share of the row")]
