"""Candidates, step by step: how sure the model was, how surprised, and between which tokens it chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import style

LABEL_WIDTH, WIDEST_LABEL, LETTER = 116, 240, 7
"""Room for the labels of candidates: enough for tokens, and as much more as names of classes need, up to a limit."""
CHART_WIDTH = 560
VALUE_WIDTH = 128
CHANGED_WIDTH = 200
"""Room for the numbers beside the bars: one probability, or two where decoding settings change it."""
PALE = 0.4
"""Opacity of a bar that has another one on it."""
_ROW_TITLE = {
    "text": "rank",
    "orient": "left",
    "anchor": "middle",
    "angle": 0,
    "dx": 12,
    "baseline": "middle",
    "align": "right",
    "fontSize": 11,
}


@dataclass(frozen=True)
class Candidate:
    """Something that could have been said.

    Attributes:
        label: What it is.
        probability: Its probability, 0 to 1.
        chance: What decoding settings made of that; None where they change nothing.
    """

    label: str
    probability: float
    chance: float | None = None


@dataclass(frozen=True)
class Step:
    """One thing that was said and what could have stood in its place.

    Attributes:
        position: Where it stands in the whole sequence, from 0; None when it does not stand there.
        chosen: Its label.
        heading: What stands above its column, where that is not its label.
        candidates: Most probable first.
        rank: Rank of what was chosen, from 1; None when it is only known to be behind the candidates.
        probability: Probability of what was chosen, 0 to 1.
        surprisal: The same in bits.
        entropy: Entropy of the whole distribution, in bits, or None when unknown.
        chance: What decoding settings made of the probability; None where they change nothing.
        possible: How many candidates they leave; None where they change nothing.
    """

    position: int | None
    chosen: str
    candidates: Sequence[Candidate]
    rank: int | None
    probability: float
    surprisal: float
    entropy: float | None
    heading: str = ""
    chance: float | None = None
    possible: int | None = None

    @property
    def place(self) -> str:
        """Its rank in words."""
        return "beyond the list" if self.rank is None else f"rank {self.rank:,}"

    @property
    def says(self) -> str:
        """What a voice says of it."""
        label = style.isolated(style.shown(self.heading or self.chosen))
        told = [f"{label}: probability {self.probability:.1%}", self.place, f"surprisal {self.surprisal:.2f} bits"]
        told += [] if self.entropy is None else [f"entropy {self.entropy:.2f} bits"]
        told += [] if self.possible is None else [f"{self.possible:,} candidates left by the settings"]
        return ", ".join(told)


def candidates_chart(steps: Sequence[Step], things: str = "generated tokens", mark: str = "chosen") -> alt.VConcatChart:
    """An overview of all steps over the candidates of the one that a click or the slider chooses.

    Args:
        steps: At least one, in the order of generation. A single one leaves nothing to choose, and has no slider.
        things: What the steps are.
        mark: What stands beside the candidate that was said: it was chosen, or given.
    """
    slider = style.bound("s", alt.binding_range(min=1, max=len(steps), step=1, name="Step "))
    bars = [bar for number, step in enumerate(steps, 1) for bar in _bars(number, step, mark)]
    chosen = alt.selection_point(
        name="step",
        fields=["s"],
        on="click",
        toggle=False,
        clear=False,
        empty=False,
        value=[{"s": 1}],
        **({"bind": slider} if len(steps) > 1 else {}),
    )
    chart = alt.vconcat(
        _overview(steps, chosen),
        _choice(bars, chosen, mark),
        spacing=20,
        datasets={"steps": [_step(number, step) for number, step in enumerate(steps, 1)], "bars": bars},
    ).add_params(style.names("tokens", [step.heading or step.chosen for step in steps]))
    what = "Probability, rank, surprisal and entropy"
    return style.themed(chart, f"{what} of {len(steps)} {things}, and the candidates of one of them.")


def _step(number: int, step: Step) -> dict[str, Any]:
    told = {
        "s": number,
        "position": step.position,
        "token": style.shown(step.heading or step.chosen),
        "p": _rounded(step.probability),
        "rank": step.rank,
        "bits": round(step.surprisal, 2),
        "entropy": None if step.entropy is None else round(step.entropy, 2),
        "possible": step.possible,
        "says": f"step {number}, {step.says}",
    }
    return {name: value for name, value in told.items() if value is not None or name in ("position", "rank")}


def _bars(number: int, step: Step, mark: str) -> list[dict[str, Any]]:
    """The candidates of a step; a chosen token that is not among them comes last, with its rank."""
    listed: list[tuple[int | None, Candidate]] = list(enumerate(step.candidates, 1))
    if step.rank is None or step.rank > len(listed):
        listed.append((step.rank, Candidate(step.chosen, step.probability, step.chance)))
    return [_bar(number, row, rank, each, mark, step.rank) for row, (rank, each) in enumerate(listed)]


def _bar(number: int, row: int, rank: int | None, each: Candidate, mark: str, chosen: int | None) -> dict[str, Any]:
    label, changed = style.shown(each.label), ""
    if each.chance is not None:
        changed = f", {each.chance:.1%} after the settings" if each.chance else ", left out by the settings"
    return {
        "s": number,
        "k": row,
        "rank": rank,
        "token": label,
        "p": _rounded(each.probability),
        **({} if each.chance is None else {"c": _rounded(each.chance), "out": each.chance == 0}),
        "chosen": rank == chosen,
        "says": ("beyond the list" if rank is None else f"rank {rank:,}")
        + f": {style.isolated(label)}, {each.probability:.1%}{changed}"
        + (f", {mark}" if rank == chosen else ""),
    }


def _rounded(probability: float) -> float:
    """As many digits as are seen; what is possible does not become impossible."""
    return max(round(probability, 5), 1e-5) if probability else 0.0


def _overview(steps: Sequence[Step], chosen: alt.Parameter) -> alt.VConcatChart:
    """Rows of columns, one column per step: probability of what was chosen, its rank, and bits."""
    longest = max(len(step.heading or step.chosen) for step in steps) * LETTER
    column = max(34, min(72, CHART_WIDTH // len(steps))) if len(steps) > 1 else max(72, min(longest, CHART_WIDTH))
    slanted = longest > column
    x = alt.X("s:O", title=None, scale=alt.Scale(paddingInner=0.12, paddingOuter=0.06))
    axis = style.label_axis(
        "tokens",
        labelExpr="tokens[datum.value - 1]",
        orient="top",
        labelAngle=-40 if slanted else 0,
        labelLimit=110 if slanted else column,
        labelFontSize=12,
    )
    tooltip = _tooltip(steps)
    base = alt.Chart(alt.NamedData("steps")).encode(x=x)
    target = base.mark_rect(fill=style.INK, cursor="pointer").encode(
        x=x.axis(axis),
        opacity=alt.when(chosen).then(alt.value(0.09)).otherwise(alt.value(0)),
        tooltip=tooltip,
        description="says:N",
    )
    silent = _silent(target).encode(x=x.axis(None))
    probability = base.mark_bar(fill=style.RAISE, aria=False, cornerRadiusEnd=2).encode(
        y=alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=3)),
        opacity=alt.when(chosen).then(alt.value(1)).otherwise(alt.value(0.45)),
        tooltip=tooltip,
    )
    rank = (
        base.transform_calculate(note="datum.rank === null ? '>' : format(datum.rank, ',')")
        .mark_text(baseline="middle", fontSize=11, aria=False)
        .encode(y=alt.value(8), text="note:N", tooltip=tooltip)
    )
    parts = [
        alt.layer(target.add_params(chosen), probability).properties(name="chosen_probability", height=84),
        alt.layer(silent, rank).properties(name="rank", height=16, title=_ROW_TITLE),
        alt.layer(silent, *_bits(base, chosen, tooltip)).properties(name="bits", height=56),
    ]
    overview: alt.VConcatChart = alt.vconcat(*(part.properties(width=alt.Step(column)) for part in parts), spacing=6)
    return overview


def _bits(base: alt.Chart, chosen: alt.Parameter, tooltip: Sequence[alt.Tooltip]) -> list[alt.Chart]:
    """Bars of surprisal, with a line at the entropy, which is the surprisal that the model expected."""
    axis = alt.Axis(tickCount=3)
    surprisal = base.mark_bar(fill=style.RAISE, aria=False, cornerRadiusEnd=2).encode(
        y=alt.Y("bits:Q", title="bits", axis=axis),
        opacity=alt.when(chosen).then(alt.value(0.8)).otherwise(alt.value(0.35)),
        tooltip=tooltip,
    )
    entropy = (
        base.transform_filter("isValid(datum.entropy)")
        .mark_tick(color=style.INK, thickness=2, aria=False)
        .encode(y=alt.Y("entropy:Q", title="bits", axis=axis), tooltip=tooltip)
    )
    return [surprisal, entropy]


def _tooltip(steps: Sequence[Step]) -> list[alt.Tooltip]:
    shown = [
        alt.Tooltip("token:N", title="title"),
        alt.Tooltip("s:Q", title="step"),
        alt.Tooltip("position:Q", title="position"),
        alt.Tooltip("p:Q", title="probability", format=".2%"),
        alt.Tooltip("rank:Q", title="rank", format=","),
        alt.Tooltip("bits:Q", title="surprisal (bits)", format=".2f"),
    ]
    if all(step.entropy is not None for step in steps):
        shown.append(alt.Tooltip("entropy:Q", title="entropy (bits)", format=".2f"))
    if any(step.possible is not None for step in steps):
        shown.append(alt.Tooltip("possible:Q", title="candidates left by the settings", format=","))
    return shown


def _silent(target: alt.Chart) -> alt.Chart:
    """The same marks for the eye and the pointer alone; a voice has heard them already."""
    copy: alt.Chart = target.copy()
    copy.mark.aria = False
    return copy


def _room(letters: int) -> int:
    """The width that candidates' labels need, so many letters long at most."""
    return max(LABEL_WIDTH, min(WIDEST_LABEL, letters * LETTER + 12))


def _choice(bars: Sequence[dict[str, Any]], chosen: alt.Parameter, mark: str) -> alt.LayerChart:
    """The candidates of the chosen step as bars, labels inside the plot so that nothing moves."""
    rows, room = 1 + max(bar["k"] for bar in bars), _room(max(len(bar["token"]) for bar in bars))
    changed = any("c" in bar for bar in bars)
    base = (
        alt.Chart(alt.NamedData("bars"))
        .transform_filter(chosen)
        .encode(y=alt.Y("k:O", axis=None, scale=alt.Scale(domain=list(range(rows)), paddingInner=0.18)))
    )
    tooltip = [
        alt.Tooltip("token:N", title="title"),
        alt.Tooltip("p:Q", title="probability", format=".3%"),
        *([alt.Tooltip("c:Q", title="after the settings", format=".3%")] if changed else []),
        alt.Tooltip("rank:Q", title="rank", format=","),
    ]
    title = "probability of each candidate" + (": pale the model's own, narrow after the settings" if changed else "")
    x = alt.X(
        "p:Q",
        title=title,
        scale=alt.Scale(domain=[0, 1], range=[room, CHART_WIDTH - (CHANGED_WIDTH if changed else VALUE_WIDTH)]),
        axis=alt.Axis(format="%", tickCount=5, domain=False, ticks=False),
    )
    marks = base.mark_bar(cornerRadiusEnd=2).encode(
        x=x,
        x2=alt.datum(0),
        color=alt.when("datum.chosen").then(alt.value(style.RAISE)).otherwise(alt.value(style.BELIEF)),
        opacity=alt.value(PALE if changed else 1),
        description="says:N",
        tooltip=tooltip,
    )
    labels = base.mark_text(align="right", baseline="middle", limit=room - 12, fontSize=12, aria=False).encode(
        x=alt.value(room - 8), text="token:N"
    )
    values = (
        base.transform_calculate(note=_note(rows, mark), far="max(datum.p, datum.c || 0)")
        .mark_text(align="left", baseline="middle", dx=6, aria=False)
        .encode(x=alt.X("far:Q", title=title), text="note:N")
    )
    layers = [marks, *([_narrow(base, title, tooltip)] if changed else []), labels, values]
    return alt.LayerChart(layer=layers).properties(name="candidates", width=CHART_WIDTH, height=alt.Step(style.ROW))


def _narrow(base: alt.Chart, title: str, tooltip: Sequence[alt.Tooltip]) -> alt.Chart:
    """The bars of what the settings made of the probabilities, on the pale ones."""
    narrow: alt.Chart = (
        base.transform_filter("datum.c > 0")
        .mark_bar(cornerRadiusEnd=1, aria=False, height=alt.RelativeBandSize(band=0.4))
        .encode(
            x=alt.X("c:Q", title=title),
            x2=alt.datum(0),
            color=alt.when("datum.chosen").then(alt.value(style.RAISE)).otherwise(alt.value(style.BELIEF)),
            tooltip=list(tooltip),
        )
    )
    return narrow


def _note(rows: int, mark: str) -> str:
    """The expression of what stands beside a bar: its numbers, and whether it was said, with its rank if it is far."""
    outside = (
        "(datum.rank === null ? ', beyond the list' : "
        f"datum.rank > {rows - 1} ? ', rank ' + format(datum.rank, ',') : '')"
    )
    changed = f"(isValid(datum.c) ? ' → ' + (datum.out ? 'left out' : {style.percent('datum.c')}) : '')"
    return f"{style.percent('datum.p')} + {changed} + (datum.chosen ? '  {mark}' + {outside} : '')"
