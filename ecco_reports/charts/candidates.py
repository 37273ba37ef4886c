"""Generation, step by step: how sure the model was, and between which tokens it chose."""

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


@dataclass(frozen=True)
class Step:
    """One thing that was said and what could have stood in its place.

    Attributes:
        position: Where it stands in the whole sequence, from 0; None when it does not stand there.
        chosen: Its label.
        heading: What stands above its column, where that is not its label.
        candidates: Labels and probabilities, most probable first.
        rank: Rank of what was chosen, from 1; None when it is only known to be behind the candidates.
        probability: Probability of what was chosen, 0 to 1.
        entropy: Entropy of the whole distribution, in bits, or None when unknown.
    """

    position: int | None
    chosen: str
    candidates: Sequence[tuple[str, float]]
    rank: int | None
    probability: float
    entropy: float | None
    heading: str = ""

    @property
    def place(self) -> str:
        """Its rank in words."""
        return "beyond the list" if self.rank is None else f"rank {self.rank:,}"


def candidates_chart(steps: Sequence[Step], things: str = "generated tokens") -> alt.VConcatChart:
    """An overview of all steps over the candidates of the one that a click or the slider chooses.

    Args:
        steps: At least one, in the order of generation. A single one leaves nothing to choose, and has no slider.
        things: What the steps are.
    """
    slider = style.bound("s", alt.binding_range(min=1, max=len(steps), step=1, name="Step "))
    bars = [bar for number, step in enumerate(steps, 1) for bar in _bars(number, step)]
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
        _choice(1 + max(bar["k"] for bar in bars), _room(max(len(bar["token"]) for bar in bars)), chosen),
        spacing=20,
        datasets={"steps": [_step(number, step) for number, step in enumerate(steps, 1)], "bars": bars},
    ).add_params(style.names("tokens", [step.heading or step.chosen for step in steps]))
    return style.themed(chart, f"Probability and entropy of {len(steps)} {things}, and the candidates of one of them.")


def _step(number: int, step: Step) -> dict[str, Any]:
    token = style.shown(step.heading or step.chosen)
    return {
        "s": number,
        "position": step.position,
        "token": token,
        "p": round(step.probability, 5),
        "rank": step.rank,
        "says": f"step {number}, {style.isolated(token)}: probability {step.probability:.1%}, {step.place}"
        + ("" if step.entropy is None else f", entropy {step.entropy:.2f} bits"),
        **({} if step.entropy is None else {"entropy": round(step.entropy, 2)}),
    }


def _bars(number: int, step: Step) -> list[dict[str, Any]]:
    """The candidates of a step; a chosen token that is not among them comes last, with its rank."""
    listed: list[tuple[int | None, str, float]] = [
        (rank, label, probability) for rank, (label, probability) in enumerate(step.candidates, 1)
    ]
    if step.rank is None or step.rank > len(listed):
        listed.append((step.rank, step.chosen, step.probability))
    return [
        {
            "s": number,
            "k": row,
            "rank": rank,
            "token": style.shown(label),
            "p": round(probability, 5),
            "chosen": rank == step.rank,
            "says": ("beyond the list" if rank is None else f"rank {rank:,}")
            + f": {style.isolated(style.shown(label))}, {probability:.1%}"
            + (", chosen" if rank == step.rank else ""),
        }
        for row, (rank, label, probability) in enumerate(listed)
    ]


def _overview(steps: Sequence[Step], chosen: alt.Parameter) -> alt.VConcatChart:
    """Two rows of columns, one column per step: probability of what was chosen, and entropy."""
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
    tooltip = [
        alt.Tooltip("token:N", title="title"),
        alt.Tooltip("s:Q", title="step"),
        alt.Tooltip("position:Q", title="position"),
        alt.Tooltip("p:Q", title="probability", format=".2%"),
        alt.Tooltip("rank:Q", title="rank", format=","),
    ]
    if all(step.entropy is not None for step in steps):
        tooltip.append(alt.Tooltip("entropy:Q", title="entropy (bits)", format=".2f"))
    dimmed = alt.when(chosen).then(alt.value(1)).otherwise(alt.value(0.45))
    base = alt.Chart(alt.NamedData("steps")).encode(x=x)
    target = base.mark_rect(fill=style.INK, cursor="pointer").encode(
        x=x.axis(axis),
        opacity=alt.when(chosen).then(alt.value(0.09)).otherwise(alt.value(0)),
        tooltip=tooltip,
        description="says:N",
    )
    probability = base.mark_bar(fill=style.RAISE, aria=False, cornerRadiusEnd=2).encode(
        y=alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=3)),
        opacity=dimmed,
        tooltip=tooltip,
    )
    upper = alt.layer(target.add_params(chosen), probability).properties(
        name="chosen_probability", width=alt.Step(column), height=84
    )
    if any(step.entropy is None for step in steps):
        return alt.vconcat(upper)
    entropy = base.mark_bar(fill=style.INK, aria=False, cornerRadiusEnd=2).encode(
        y=alt.Y("entropy:Q", title="entropy, bits", axis=alt.Axis(tickCount=2)),
        opacity=alt.when(chosen).then(alt.value(0.6)).otherwise(alt.value(0.28)),
        tooltip=tooltip,
    )
    overview: alt.VConcatChart = alt.vconcat(
        upper,
        alt.layer(_silent(target).encode(x=x.axis(None)), entropy).properties(
            name="entropy", width=alt.Step(column), height=44
        ),
        spacing=6,
    )
    return overview


def _silent(target: alt.Chart) -> alt.Chart:
    """The same marks for the eye and the pointer alone; a voice has heard them already."""
    copy: alt.Chart = target.copy()
    copy.mark.aria = False
    return copy


def _room(letters: int) -> int:
    """The width that candidates' labels need, so many letters long at most."""
    return max(LABEL_WIDTH, min(WIDEST_LABEL, letters * LETTER + 12))


def _choice(rows: int, room: int, chosen: alt.Parameter) -> alt.LayerChart:
    """The candidates of the chosen step as bars, labels (``room`` pixels) inside the plot so that nothing moves."""
    base = (
        alt.Chart(alt.NamedData("bars"))
        .transform_filter(chosen)
        .encode(y=alt.Y("k:O", axis=None, scale=alt.Scale(domain=list(range(rows)), paddingInner=0.18)))
    )
    colour = alt.when("datum.chosen").then(alt.value(style.RAISE)).otherwise(alt.value(style.BELIEF))
    x = alt.X(
        "p:Q",
        title="probability of each candidate",
        scale=alt.Scale(domain=[0, 1], range=[room, CHART_WIDTH - VALUE_WIDTH]),
        axis=alt.Axis(format="%", tickCount=5, domain=False, ticks=False),
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=x,
        x2=alt.datum(0),
        color=colour,
        description="says:N",
        tooltip=[
            alt.Tooltip("token:N", title="title"),
            alt.Tooltip("p:Q", title="probability", format=".3%"),
            alt.Tooltip("rank:Q", title="rank", format=","),
        ],
    )
    labels = base.mark_text(align="right", baseline="middle", limit=room - 12, fontSize=12, aria=False).encode(
        x=alt.value(room - 8), text="token:N"
    )
    outside = (
        "(datum.rank === null ? ', beyond the list' : "
        f"datum.rank > {rows - 1} ? ', rank ' + format(datum.rank, ',') : '')"
    )
    note = f"{style.percent('datum.p')} + (datum.chosen ? '  chosen' + {outside} : '')"
    values = (
        base.transform_calculate(note=note)
        .mark_text(align="left", baseline="middle", dx=6, aria=False)
        .encode(x=x, text="note:N")
    )
    return alt.LayerChart(layer=[bars, labels, values]).properties(
        name="candidates", width=CHART_WIDTH, height=alt.Step(style.ROW)
    )
