"""Tests attributions: ranks the units by each method, takes them out in that order, and in random ones.

In: a model, a prompt, params. Out: the result. Imports torch only where it computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecco_reports.analyses.attributing.computing import Attributor, attribute
from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.faithfulness.foresight import SCORED_AGAIN, refuse
from ecco_reports.analyses.faithfulness.results import Examined, FaithfulnessResult
from ecco_reports.analyses.faithfulness.settings import FaithfulnessParams
from ecco_reports.analyses.units import Unit
from ecco_reports.methods.faithfulness import (
    EVERY_ORDER_UP_TO,
    MIDDLE,
    Grid,
    measures_of,
    random_orders,
    ranked,
    removal_scores,
)
from ecco_reports.methods.perturbation import Remembered, Scored, Scorer, occlusion
from ecco_reports.methods.rankings import kendall_tau_b
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.records import Prompt


def examine(model: LanguageModel, prompt: Prompt, params: FaithfulnessParams) -> FaithfulnessResult:
    """Explains every target by every method, and tests what they say.

    Raises:
        CapabilityError: The model can do none of the methods, or parts of the prompt cannot be taken out.
    """
    refuse(model, params)
    found = attribute(model, prompt, params.attribution)
    ignored = {*found.ignored}
    units = tuple(unit for unit in found.units if not ignored >= {*unit})
    common: dict[str, Any] = {
        "passage": found.passage,
        "explained": found.explained,
        "units": units,
        "grain": found.grain,
        "left_out": found.left_out,
        "measured": params.measured,
        "ranking": params.ranking,
        "replacement": params.replacement,
        "baseline": params.baseline,
        "seed": params.seed,
        "tokenized_anew": found.tokenized_anew,
    }
    if not found.methods or len(units) < 2:
        return FaithfulnessResult(**common)
    return FaithfulnessResult(**common, **_Examination(model, prompt, params, found, units).outcome())


@dataclass(frozen=True)
class _Examination:
    """The test of one entry.

    Attributes:
        model: The model.
        prompt: The prompt.
        params: The settings.
        found: The attributions to be tested.
        units: What can be taken out.
    """

    model: LanguageModel
    prompt: Prompt
    params: FaithfulnessParams
    found: AttributionResult
    units: Sequence[Unit]

    def outcome(self) -> dict[str, Any]:
        """The fields of the result that need the model."""
        grid = Grid.of(len(self.units), self.params.shares, self.params.steps)
        scorer, own, tolerance = self._scorer()
        scores = Remembered(scorer)
        alone = occlusion(scores, grid.units).contributions
        orders = [self._orders(method) for method in self.found.methods]
        random = random_orders(grid.units, self.params.random_rankings, self.params.seed)
        found = removal_scores(scores, np.concatenate([*orders, random]), grid)
        of_methods, by_chance = np.split(found.values, [len(orders) * len(self.found.explained)])
        deletion, insertion = by_chance[:, 0].swapaxes(1, 2), by_chance[:, 1].swapaxes(1, 2)
        measures = measures_of(deletion, insertion, grid)
        return {
            "methods": tuple(self._tested(orders, of_methods, alone)),
            "counts": grid.counts,
            "shares": grid.shares,
            "every_order": grid.units <= EVERY_ORDER_UP_TO,
            "random": np.stack(
                [measures.comprehensiveness, measures.sufficiency, measures.deletion, measures.insertion]
            ),
            "random_deletion": _band(deletion),
            "random_insertion": _band(insertion),
            "own": own,
            "full": by_chance[0, 0, 0],
            "empty": by_chance[0, 0, -1],
            "again": self._again(scorer, scores, random, grid),
            "tolerance": tolerance,
            "texts": scores.asked,
            "bounds": scores.bounds,
        }

    def _scorer(self) -> tuple[Scorer, np.ndarray, float]:
        """How variants are scored, the model's own scores of the whole text, and how far the two may differ."""
        measured = self.params.measured
        # Asked to delete, a model that takes no embeddings tells log-probabilities, whatever is wanted.
        tells_all = Capability.GRADIENTS in self.model.capabilities or self.params.replacement == "attention"
        settings = self.params.attribution.model_copy(update={"score": measured if tells_all else "logprob"})
        reading = self.model.read(self.prompt, settings.decoding)
        asked = Attributor(self.model, reading, self.found.explained, self.units, settings, self.found.tolerance)
        scorer, own, tolerance = asked.scorer()
        if tells_all or measured == "logprob":
            return scorer, own, tolerance

        def probabilities(kept: np.ndarray) -> Scored:
            told = scorer(kept)
            return Scored(np.exp(told.values), told.bounds)

        return probabilities, np.exp(own), tolerance

    def _values(self, method: MethodResult) -> np.ndarray:
        """What a method is ranked by, ``[target, unit]``."""
        values = np.stack([method.contributions[:, list(unit)].sum(-1) for unit in self.units], -1)
        return values if self._is_signed(method) else np.abs(values)

    def _is_signed(self, method: MethodResult) -> bool:
        return self.params.ranking == "signed" and self.found.is_signed(method)

    def _orders(self, method: MethodResult) -> np.ndarray:
        chance = np.random.default_rng(self.params.seed)
        return np.stack([ranked(values, chance) for values in self._values(method)])

    def _tested(self, orders: Sequence[np.ndarray], values: np.ndarray, alone: np.ndarray) -> list[Examined]:
        """The curves of each target along the rankings that are about it.

        Args:
            orders: For each method, ``[target, unit]``.
            values: Scores along all of them, ``[method and target, way, count, target]``.
            alone: What leaving out each unit alone does, ``[target, unit]``.
        """
        targets = np.arange(len(self.found.explained))
        by_method = values.reshape(len(orders), len(targets), *values.shape[1:])[:, targets, :, :, targets]
        tested = []
        for index, method in enumerate(self.found.methods):
            ranking, signed = self._values(method), self._is_signed(method)
            effects = alone if signed else np.abs(alone)
            tested.append(
                Examined(
                    method=method.method,
                    signed=signed,
                    orders=orders[index],
                    deletion=by_method[:, index, 0],
                    insertion=by_method[:, index, 1],
                    agreement=tuple(kendall_tau_b(*pair) for pair in zip(ranking, effects, strict=True)),
                )
            )
        return tested

    def _again(self, scorer: Scorer, scores: Remembered, random: np.ndarray, grid: Grid) -> np.ndarray:
        """Some texts of the first random ranking, each scored by itself; the largest differences, ``[target]``.

        Nothing of a server, which keeps what it answered: it would say the same.
        """
        if self.found.tokenized_anew:
            return np.zeros(0)
        counts = np.linspace(0, grid.units - 1, SCORED_AGAIN).round().astype(int)
        kept = np.argsort(random[0]) < counts[:, None]
        before = scores(kept).values
        after = np.concatenate([scorer(one).values for one in kept[:, None]])
        misses: np.ndarray = (np.abs(after - before) / np.maximum(1.0, np.abs(before))).max(0)
        return misses


def _band(curves: np.ndarray) -> np.ndarray:
    """The middle 90 per cent of curves ``[order, target, count]`` and their mean, ``[3, target, count]``."""
    low, high = np.quantile(curves, MIDDLE, axis=0)
    return np.stack([low, curves.mean(0), high])
