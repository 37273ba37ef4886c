"""The figures of the generation room and their data: every step with its candidates, and the beams side by side.

In: a result. Out: figures and a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses.generation.results import GenerationResult, Step
from ecco_reports.analyses.voice import numbered, place_name, said, voice_of
from ecco_reports.records import Family, Passage, Table

if TYPE_CHECKING:
    from ecco_reports.charts.candidates import Candidate as Bar
    from ecco_reports.charts.figure import ChartFigure


def figures_of(result: GenerationResult, summary: str) -> Sequence[ChartFigure]:
    """The steps with the candidates of the one that is chosen, and the beams."""
    if not result.steps:
        return ()
    return (_candidates(result, summary), *([_beams(result)] if len(result.beams) > 1 else []))


def _candidates(result: GenerationResult, summary: str) -> ChartFigure:
    from ecco_reports.charts.candidates import Step as ChartStep
    from ecco_reports.charts.candidates import candidates_chart
    from ecco_reports.charts.figure import ChartFigure

    steps = [
        ChartStep(
            position=step.position,
            heading=_heading(result.passage, number),
            chosen=label_of(result.passage, step),
            candidates=_offered(result.passage, step),
            rank=step.rank,
            probability=step.probability,
            surprisal=step.surprisal,
            entropy=step.entropy,
            chance=None if step.chance is None else step.chance.chosen,
            possible=None if step.chance is None else step.chance.possible,
        )
        for number, step in enumerate(result.steps)
    ]
    voice = voice_of(result.passage)
    return ChartFigure(
        id="candidates",
        title=voice.choices,
        reading=_how_to_read(result),
        alt_text=summary,
        chart=candidates_chart(steps, voice.things, "given" if result.passage.forced else "chosen"),
    )


def _how_to_read(result: GenerationResult) -> str:
    voice, several = voice_of(result.passage), len(result.steps) > 1
    sentences = [
        f"{'Each column is one' if several else 'The column is the'} {voice.thing}: how probable it was, its rank "
        "among the candidates, and in bits how much it surprised the model (bar)"
        + (" beside how much it expected to be surprised, its entropy (line)." if result.complete else "."),
        ("Choose a step to see its" if several else "Below are the")
        + f" most probable candidates; the one that was {'given' if result.passage.forced else 'taken'} is orange.",
    ]
    if not result.complete:
        sentences.insert(1, "The server lists only its most probable candidates.")
    if any(step.chance for step in result.steps):
        sentences.append(
            "A pale bar is the model's own probability, the narrow bar on it the one that the decoding settings made "
            "of it, by which the token was chosen; what has none could not be taken."
        )
    return " ".join(sentences)


def _beams(result: GenerationResult) -> ChartFigure:
    from ecco_reports.charts.beams import BeamRow, beams_chart
    from ecco_reports.charts.figure import ChartFigure

    best = result.beams[0]
    rows = [
        BeamRow(
            name=f"{number}\u2003score {beam.score:.3f}\u2003sum {beam.total:.2f}".replace("-", "\u2212"),
            labels=[token.label for token in beam.tokens],
            logprobs=beam.logprobs,
            parts=beam.parts_from(best),
        )
        for number, beam in enumerate(result.beams, start=1)
    ]
    penalty = result.decoding.repetition_penalty
    return ChartFigure(
        id="beams",
        title=f"The {len(rows)} beams side by side",
        reading="Each row is a continuation that the search followed, the best on top; it is the one explained on "
        "this page. The stronger a cell, the more probable its token after the tokens before it in the same row. A "
        "frame marks where a beam parts from the best one. Beams are ranked by their score, the mean log-probability "
        + ("per token" if penalty == 1 else f"per token after a repetition penalty of {penalty:g}")
        + "; beside it is the sum, the log-probability of the whole continuation.",
        alt_text=" ".join(
            f"Beam {number}, score {beam.score:.3f}: “{beam.text.strip()}”."
            for number, beam in enumerate(result.beams, start=1)
        ),
        chart=beams_chart(rows),
    )


def table_of(result: GenerationResult) -> Table:
    """One row per candidate and step; after them one per token of the other beams."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for number, step in enumerate(result.steps):
        chosen = label_of(result.passage, step)
        about = (number, step.position, chosen, step.rank, step.surprisal, step.entropy)
        rows += [
            (1, *about, rank, bar.label, bar.probability, bar.chance)
            for rank, bar in enumerate(_offered(result.passage, step), start=1)
        ]
    for place, beam in enumerate(result.beams[1:], start=2):
        first = result.passage.prompt_length
        rows += [
            (place, step, first + step, token.label, None, surprisal, None, None, token.label, probability, None)
            for step, (token, probability, surprisal) in enumerate(
                zip(beam.tokens, beam.probabilities, beam.surprisals, strict=True)
            )
        ]
    columns = (
        "beam",
        "step",
        "position",
        "given" if result.passage.forced else "chosen",
        "its rank",
        "its surprisal (bits)",
        "entropy (bits)",
        "rank",
        "candidate",
        "probability",
        "probability after the settings",
    )
    changed = any(step.chance for step in result.steps)
    kept = [index for index in range(len(columns)) if (index or result.beams) and (index < len(columns) - 1 or changed)]
    return Table(
        columns=tuple(columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in rows),
        caption="One row per step and candidate, most probable first."
        + (" Of the beams after the first, one row per token." if result.beams else ""),
    )


def _offered(passage: Passage, step: Step) -> list[Bar]:
    """The candidates with their labels; the ends of an answer with their positions."""
    from ecco_reports.charts.candidates import Candidate as Bar

    return [
        Bar(
            label=said(passage, each.token) if each.position is None else numbered(passage, each.position),
            probability=each.probability,
            chance=each.chance,
        )
        for each in step.candidates
    ]


def label_of(passage: Passage, step: Step) -> str:
    """Label of what was chosen, as it stands among the candidates."""
    return (
        numbered(passage, step.position) if passage.family is Family.QUESTION_ANSWERING else said(passage, step.token)
    )


def _heading(passage: Passage, number: int) -> str:
    """What stands above the column of a step, where that is not its label."""
    return place_name(passage, number) if passage.family is Family.QUESTION_ANSWERING else ""
