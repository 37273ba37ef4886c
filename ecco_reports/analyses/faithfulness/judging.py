"""Which methods do better than random rankings, for one target or for all of them together.

In: a result. Out: numbers and where they stand. Never: torch, words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ecco_reports.analyses.attributing.settings import Method
from ecco_reports.analyses.faithfulness.results import Examined, FaithfulnessResult
from ecco_reports.methods.faithfulness import SMALL, Standing, interval_of, standing_of

Verdict: TypeAlias = Literal["better", "chance", "worse"]


@dataclass(frozen=True)
class Mark:
    """One measure of one method.

    Attributes:
        value: The measure; of several targets its mean.
        standing: Where it stands among random rankings.
        interval: Of the mean over several targets; None for a single one.
    """

    value: float
    standing: Standing
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> Verdict:
        """Whether it can be told from chance."""
        if self.standing.luck <= SMALL:
            return "better"
        return "worse" if self.standing.bad_luck <= SMALL else "chance"


@dataclass(frozen=True)
class Judgement:
    """All measures of one method.

    Attributes:
        method: Its name.
        gap: Area between removing the least important first and the most important first; higher is better.
        comprehensiveness: Higher is better.
        sufficiency: Lower is better.
        deletion: Area under the deletion curve; lower is better.
        insertion: Area under the insertion curve; higher is better.
    """

    method: Method
    gap: Mark
    comprehensiveness: Mark
    sufficiency: Mark
    deletion: Mark
    insertion: Mark

    @property
    def verdict(self) -> Verdict:
        """Whether its whole ranking can be told from chance, by the gap."""
        return self.gap.verdict


def judged(result: FaithfulnessResult, target: int | None) -> list[Judgement]:
    """Every method, in the order of the params; the mean over all targets where ``target`` is None."""
    return [_judgement(result, method, target) for method in result.methods]


def best_first(judgements: list[Judgement]) -> list[Judgement]:
    """By the gap, the largest first."""
    return sorted(judgements, key=lambda each: -each.gap.value)


def _judgement(result: FaithfulnessResult, method: Examined, target: int | None) -> Judgement:
    own, random = result.measures(method), result.by_chance
    chosen = slice(None) if target is None else slice(target, target + 1)

    def mark(values: np.ndarray, by_chance: np.ndarray, higher_is_better: bool) -> Mark:
        mine = values[chosen]
        # A random ranking is one and the same for all targets, as if one order were tried on all of them.
        standing = standing_of(
            float(mine.mean()), by_chance[:, chosen].mean(1), higher_is_better, exact=result.every_order
        )
        interval = interval_of(mine, result.seed) if len(mine) > 1 else None
        return Mark(float(mine.mean()), standing, interval)

    return Judgement(
        method=method.method,
        gap=mark(own.gap, random.gap, True),
        comprehensiveness=mark(own.comprehensiveness, random.comprehensiveness, True),
        sufficiency=mark(own.sufficiency, random.sufficiency, False),
        deletion=mark(own.deletion, random.deletion, False),
        insertion=mark(own.insertion, random.insertion, True),
    )
