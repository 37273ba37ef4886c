"""A metric over commits: its levels, its steps with the commits between which they happened, and how worrying it is.

In: the lines of a history. Out: trends, the most worrying first. Never: drawing, files.

Numbers are only held against each other where the same was asked: where an analysis's version or settings, or the
prompts, changed, the series begins anew, and the gap is no step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import Mark
from ecco_reports.comparison.changes import UNKNOWN, mark_of
from ecco_reports.history.lines import Line
from ecco_reports.history.steps import Level, levels, waver
from ecco_reports.registry import Registry

UNUSUAL = 4.0
"""Standard deviations from its level at which the latest number is pointed out before anybody knows that it lasts."""


@dataclass(frozen=True)
class Point:
    """A metric at a commit.

    Attributes:
        line: The line of the commit.
        value: Mean over the prompts.
        samples: How many prompts.
        question: Digest of what was asked.
    """

    line: Line
    value: float
    samples: int
    question: str


@dataclass(frozen=True)
class Step:
    """A lasting change from one level to another.

    Attributes:
        last: The last point of the level before.
        first: The first point of the level after: what changed lies after the one commit, up to this one.
        before: The level before.
        after: The level after.
        mark: worse, better or changed.
        size: How large it is, in standard deviations of what the series wavers anyway.
        lasting: Whether a later commit bore it out; else it is the latest number alone.
    """

    last: Point
    first: Point
    before: float
    after: float
    mark: Mark
    size: float
    lasting: bool = True


@dataclass(frozen=True)
class Trend:
    """A metric over the commits.

    Attributes:
        model: Name of the model.
        label: As the experiment calls the analysis.
        name: Of the metric, without the label.
        measure: What is known of it.
        points: One per commit that has it, the oldest first.
        levels: The levels between steps, by index of the points.
        steps: The steps, the oldest first; the last may be the latest number alone.
        breaks: Indexes of the points from which on something else was asked.
    """

    model: str
    label: str
    name: str
    measure: Measure
    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    steps: tuple[Step, ...]
    breaks: tuple[int, ...] = ()

    @property
    def metric(self) -> str:
        """The metric as gates call it."""
        return f"{self.label}.{self.name}"

    @property
    def worry(self) -> tuple[int, int, float]:
        """Its place among others: what is smaller is more worrying.

        First a metric whose latest step is for the worse, then one with such a step before, one that changed, one that
        got better, one that is steady; of equal ones that with the latest step, then that with the largest.
        """
        if not self.steps:
            return (4, 0, 0.0)
        latest = self.steps[-1]
        ranks = {Mark.WORSE: 0, Mark.CHANGED: 2, Mark.BETTER: 3}
        rank = ranks[latest.mark]
        if latest.mark is not Mark.WORSE and any(step.mark is Mark.WORSE for step in self.steps):
            rank = 1
        return (rank, -self.points.index(latest.first), -latest.size)


def trends(lines: Sequence[Line], analyses: Registry[AnyAnalysis] = ANALYSES) -> tuple[Trend, ...]:
    """The trends of an experiment, the most worrying first.

    Args:
        lines: Its commits, the oldest first.
        analyses: The analyses that exist; of a metric of another one nobody knows which way is better.
    """
    found: dict[tuple[str, str, str], list[Point]] = {}
    for line in lines:
        for model, labels in line.means.items():
            for label, metrics in labels.items():
                question = line.asked[label].question if label in line.asked else ""
                for name, mean in metrics.items():
                    point = Point(line, mean.mean, mean.samples, question)
                    found.setdefault((model, label, name), []).append(point)
    made = [_trend(*place, points, analyses) for place, points in found.items()]
    return tuple(sorted(made, key=lambda trend: trend.worry))


def _trend(model: str, label: str, name: str, points: Sequence[Point], analyses: Registry[AnyAnalysis]) -> Trend:
    asked = points[-1].line.asked.get(label)
    known = asked is not None and asked.analysis in analyses
    measure = analyses[asked.analysis].measures.get(name, UNKNOWN) if asked and known else UNKNOWN
    plateaus: list[Level] = []
    steps: list[Step] = []
    breaks: list[int] = []
    for _, group in groupby(points, key=lambda point: point.question):
        stretch = list(group)
        start = plateaus[-1].stop if plateaus else 0
        if start:
            breaks.append(start)
        mine = levels([point.value for point in stretch], _noise(stretch, measure))
        steps += _steps(stretch, mine, measure)
        plateaus += [Level(start + each.start, start + each.stop, each.value) for each in mine]
    return Trend(model, label, name, measure, tuple(points), tuple(plateaus), tuple(steps), tuple(breaks))


def _noise(points: Sequence[Point], measure: Measure) -> float:
    return measure.noise_at(median(abs(point.value) for point in points))


def _steps(points: Sequence[Point], plateaus: Sequence[Level], measure: Measure) -> Iterator[Step]:
    """The steps between the levels of a stretch, and the latest number where it is far from its level."""
    # What it wavers is told by how far it is from its levels, so that the steps do not count.
    level_of = [level.value for level in plateaus for _ in range(level.start, level.stop)]
    typical = waver(
        [point.value - level for point, level in zip(points, level_of, strict=True)], _noise(points, measure)
    )
    scale = max(typical, 1e-9 * max(abs(point.value) for point in points), 1e-300)
    for before, after in pairwise(plateaus):
        mark = mark_of(before.value, after.value, measure)
        if mark is not Mark.SAME:
            size = abs(after.value - before.value) / scale
            yield Step(points[before.stop - 1], points[after.start], before.value, after.value, mark, size)
    last = plateaus[-1]
    size = abs(points[-1].value - last.value) / scale
    mark = mark_of(last.value, points[-1].value, measure)
    if last.stop - last.start > 2 and size > UNUSUAL and mark is not Mark.SAME:
        yield Step(points[-2], points[-1], last.value, points[-1].value, mark, size, lasting=False)
