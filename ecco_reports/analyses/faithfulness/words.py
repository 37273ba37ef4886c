"""What the tests of attributions say: their proof, their metrics, and their sentences.

In: a result. Out: checks, metrics, words. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.faithfulness.catalogue import MEASURES
from ecco_reports.analyses.faithfulness.judging import Judgement, Mark, best_first, judged
from ecco_reports.analyses.faithfulness.results import FaithfulnessResult
from ecco_reports.analyses.measures import as_metrics
from ecco_reports.analyses.voice import voice_of
from ecco_reports.methods.faithfulness import SMALL
from ecco_reports.records import Check, Metric

_MEASURED = {"probability": "probability", "logprob": "log-probability"}
# Changes of the score that are too small to tell rankings apart by: in probability, and in nats.
_FLAT = {"probability": 0.02, "logprob": 0.05}
# Where the first step of nearly every order takes that much of all there is to lose, orders hardly differ.
_BRITTLE = 0.8


def checks(result: FaithfulnessResult) -> Iterator[Check]:
    """That variants of the prompt are scored rightly: the whole text among them, and some of them by themselves."""
    yield Check(
        name="the whole text among its variants",
        residual=_largest(np.abs(result.full - result.own) / np.maximum(1.0, np.abs(result.own))),
        tolerance=result.tolerance,
        meaning="The score of the unchanged text, computed in the way the variants are, against the model's own; "
        "the largest difference among the targets, relative to a score of at least 1.",
    )
    if not result.tokenized_anew:
        yield Check(
            name="variants scored by themselves",
            residual=_largest(result.again),
            tolerance=result.tolerance,
            meaning="The scores of some texts with parts taken out, among them the one of which nothing is left, each "
            "computed alone, against what they were together with others.",
        )


def _largest(values: np.ndarray) -> float:
    return float(values.max(initial=0.0))


def metrics_of(result: FaithfulnessResult) -> Mapping[str, Metric]:
    """What the first method reaches, as the mean over all targets."""
    if not result.methods:
        return {}
    first = judged(result, None)[0]
    values = {
        "aopc_comprehensiveness": first.comprehensiveness.value,
        "aopc_sufficiency": first.sufficiency.value,
        "deletion_auc": first.deletion.value,
        "z_against_random": first.gap.standing.z,
    }
    title = METHOD_TITLES[first.method]
    named = {name: MEASURES[name].meaning.replace("the first method", title) for name in values}
    return as_metrics(MEASURES, values, named)


def summary_of(result: FaithfulnessResult) -> str:
    """Which methods can be told from chance, by how much, and what makes that hard to say."""
    if not result.methods:
        return " ".join([_nothing(result), *result.left_out])
    ordered = best_first(judged(result, None))
    return " ".join([_verdicts(result, ordered), _amounts(result, ordered[0]), *_caveats(result), *result.left_out])


def _nothing(result: FaithfulnessResult) -> str:
    if result.explained:
        what = f"{len(result.units) or 'no'} {result.grain}"
        return f"There is nothing to rank: the prompt has {what} that can be taken out, and a ranking needs two."
    return f"There is nothing to test. {voice_of(result.passage.family).silence}"


def _verdicts(result: FaithfulnessResult, ordered: Sequence[Judgement]) -> str:
    """Who is better than chance, who is not, and who is worse."""
    better, chance, worse = (
        [each for each in ordered if each.verdict == kind] for kind in ("better", "chance", "worse")
    )
    parts = []
    if better:
        first, *others = better
        parts.append(
            f"{METHOD_TITLES[first.method]} found what {subject(result)} better than {orders_beaten(first.gap)}"
            + "".join(f", {METHOD_TITLES[each.method]} better than {first_count(each.gap)}" for each in others)
        )
    if chance:
        parts.append(f"{named(chance)} cannot be told from chance here ({_counts(chance, spelled=not better)})")
    if worse:
        parts.append(
            f"{named(worse)} {'is' if len(worse) == 1 else 'are'} worse than chance: what comes first matters least "
            f"({_counts(worse, spelled=not better and not chance)})"
        )
    return "; ".join(parts) + "."


def subject(result: FaithfulnessResult) -> str:
    """What the tests are about, in a sentence."""
    if len(result.explained) == 1:
        return f"{result.explained[0].phrase} hangs on"
    return f"the {len(result.explained)} outputs hang on"


def named(judgements: Sequence[Judgement]) -> str:
    """Titles of methods as a sentence lists them."""
    titles = [METHOD_TITLES[each.method] for each in judgements]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def orders_beaten(mark: Mark) -> str:
    """How many random orders a method is better than: 98 of 100 random orders."""
    return f"{first_count(mark)} of {orders_in_words(mark)}"


def orders_in_words(mark: Mark) -> str:
    """What a method is compared with: 100 random orders."""
    return f"{mark.standing.orders:,} {'possible' if mark.standing.exact else 'random'} orders"


def first_count(mark: Mark) -> str:
    """How many random orders a method is better than, as a number."""
    return f"{mark.standing.better:,}"


def _counts(judgements: Sequence[Judgement], spelled: bool) -> str:
    """Better than 61 and 40; with the number of orders where nobody has said it yet."""
    numbers = [first_count(each.gap) for each in judgements]
    listed = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"better than {listed}" + (f" of {orders_in_words(judgements[0].gap)}" if spelled else "")


def _amounts(result: FaithfulnessResult, best: Judgement) -> str:
    """What taking out, and keeping, the first units of the best ranking does."""
    lost, short = best.comprehensiveness, best.sufficiency
    return (
        f"Without the first {counts_in_words(result)} in the order of {METHOD_TITLES[best.method]}, the "
        f"{watched(result)} falls by {number(lost.value)} on average (random orders: "
        f"{number(lost.standing.mean)}); with only them, by {number(short.value)} "
        f"({number(short.standing.mean)})."
    )


def watched(result: FaithfulnessResult) -> str:
    """What is watched while parts are taken out: a probability, or the difference between two."""
    what = _MEASURED[result.measured]
    return f"difference in {what}" if all(target.foil is not None for target in result.explained) else what


def counts_in_words(result: FaithfulnessResult) -> str:
    """The counts that the shares come to: 1, 2 or 4 of 8 tokens."""
    numbers = [str(count) for count in result.shares]
    listed = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} or {numbers[-1]}"
    return f"{listed} of {len(result.units)} {result.grain}s"


def number(value: float) -> str:
    """A score with two digits and a typesetter's minus."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\u2212")


def _caveats(result: FaithfulnessResult) -> Iterator[str]:
    """What makes rankings hard to tell apart, and what a server did not tell."""
    what, units = watched(result), len(result.units)
    standing = judged(result, None)[0].gap.standing
    if standing.exact and 1 / standing.orders > SMALL:
        yield (
            f"{units} {result.grain}s have only {standing.orders} orders, so that even the best of them could be luck."
        )
    curves = np.concatenate([each.deletion for each in result.methods] + [each.insertion for each in result.methods])
    full = np.tile(result.full, 2 * len(result.methods))[:, None]
    drift = np.abs(result.random_deletion[1] - result.full[:, None])
    moved = max(float(np.abs(curves - full).max()), float(drift.max()))
    if moved < _FLAT[result.measured]:
        yield (
            f"Whatever is taken out, the {what} changes by {moved:.2g} at most, so that there is hardly anything to "
            "find."
        )
        return
    # What nearly all orders have lost after their first step, of what they lose at most on the way.
    to_lose = float((result.full - result.random_deletion[1].min(-1)).mean())
    first = float((result.full - result.random_deletion[2, :, 1]).mean())
    if to_lose > _FLAT[result.measured] and first >= _BRITTLE * to_lose:
        thing = result.grain if result.counts[1] == 1 else f"{result.counts[1]} {result.grain}s"
        goes = "goes" if result.counts[1] == 1 else "go"
        yield (
            f"Whatever {thing} {goes} first, nearly always {first / to_lose:.0%} of all there is to lose goes with it, "
            "so that orders differ little."
        )
    if result.bounds:
        yield (
            f"For {result.bounds} of {result.texts * len(result.explained)} scores the server told only an upper "
            "bound; what is lost there is at least as much as shown."
        )
