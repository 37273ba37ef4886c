"""What a comparison comes to for a person: what was lost, what changed most, and one sentence that says so.

In: a comparison. Out: facts, prompts in an order, a sentence. Never: judging (``gates``), drawing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ecco_reports.comparison.changes import noise_between
from ecco_reports.comparison.findings import GRAVITY, Change, Comparison, Mark, Pair, gravest
from ecco_reports.comparison.pairing import listed
from ecco_reports.records import Prompt

TARGET_RANK = "target_rank"
"""The metric, of whichever analysis, that says where a prompt's target stands."""

SPEECH = frozenset({"generation", "token_ranks", "watch"})
"""The analyses about what a model says; all others are about how it gets there."""

_SAID = "said"
"""Where a trace keeps what the model said."""

_MOVED = frozenset({Mark.NEWLY_FAILING, Mark.WORSE, Mark.GONE, Mark.CHANGED, Mark.BETTER, Mark.MENDED})


@dataclass(frozen=True)
class Fact:
    """A prompt whose target became, or ceased to be, the model's first choice.

    Attributes:
        models: Names of the model of the baseline and of the candidate.
        prompt: The prompt; it has a target.
        label: The analysis that says so.
        before: Rank of the target by the baseline, from 1.
        after: Rank of the target by the candidate.
        said: What each of the two said, where a trace tells it.
    """

    models: tuple[str, str]
    prompt: Prompt
    label: str
    before: float
    after: float
    said: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Reason:
    """One of the changes that put a prompt where it stands.

    Attributes:
        pair: Where it was found.
        change: The change; None where the pair as a whole is the reason (newly failing, mended).
        score: Its size in units of the noise, as a power of ten.
    """

    pair: Pair
    change: Change | None
    score: float


@dataclass(frozen=True)
class ChangedPrompt:
    """A prompt, and how much it changed.

    Attributes:
        models: Names of the model of the baseline and of the candidate.
        prompt: The prompt.
        mark: The gravest mark of its pairs.
        score: How much it changed, see ``most_changed``.
        reasons: The few changes that put it there, the largest first, one per label at most.
        pairs: All its pairs, in the order of the page.
    """

    models: tuple[str, str]
    prompt: Prompt
    mark: Mark
    score: float
    reasons: tuple[Reason, ...]
    pairs: tuple[Pair, ...]


def most_changed(comparison: Comparison, reasons: int = 3) -> tuple[ChangedPrompt, ...]:
    """The prompts that changed, those that changed most first, across labels.

    Graver marks come first, in the order of ``GRAVITY``: what fails now, what is worse, what is gone or changed, what
    is better. Among equal marks the score decides: of each label the largest change, as the decimal logarithm of one
    plus its size in units of the measure's noise (a measure without noise counts in hundredths of the larger value),
    and the sum of these over the labels. So a change ten times as large counts one more, and one that shows in two
    analyses counts in both. A prompt that is the same, or that nobody can compare, is not in the list.

    Args:
        comparison: What was found.
        reasons: How many changes are named for each prompt at most.
    """
    found = []
    for (models, name), pairs in _by_prompt(comparison.pairs).items():
        mark = gravest(pair.mark for pair in pairs if pair.mark in _MOVED)
        if mark is Mark.SAME:
            continue
        largest = sorted(filter(None, map(_largest, pairs)), key=_place)
        score = sum(reason.score for reason in largest)
        prompt = next(pair.prompt for pair in pairs if pair.prompt.name == name)
        found.append(ChangedPrompt(models, prompt, mark, score, tuple(largest[:reasons]), tuple(pairs)))
    return tuple(sorted(found, key=lambda changed: (GRAVITY.index(changed.mark), -changed.score)))


def _by_prompt(pairs: Iterable[Pair]) -> dict[tuple[tuple[str, str], str], list[Pair]]:
    found: dict[tuple[tuple[str, str], str], list[Pair]] = {}
    for pair in pairs:
        found.setdefault((pair.models, pair.prompt.name), []).append(pair)
    return found


def _place(reason: Reason) -> tuple[int, float]:
    return GRAVITY.index(reason.pair.mark), -reason.score


def _largest(pair: Pair) -> Reason | None:
    """The largest change of a pair among its gravest ones, if it moved at all."""
    if pair.mark not in _MOVED:
        return None
    moved = [change for change in pair.changes if change.mark in _MOVED or change.mark is Mark.ADDED]
    if not moved:
        return Reason(pair, None, 0.0)
    worst = gravest(change.mark for change in moved)
    change = max((change for change in moved if change.mark is worst), key=size_in_noise)
    return Reason(pair, change, max(size_in_noise(each) for each in moved))


def size_in_noise(change: Change) -> float:
    """The size of a change as a power of ten of the measure's noise; 0 where a side has no number."""
    difference = change.difference
    if not difference or change.before is None or change.after is None:
        return 0.0
    noise = noise_between(change.before, change.after, change.measure)
    unit = noise or max(abs(change.before), abs(change.after)) / 100
    return math.log10(1 + abs(difference) / unit)


def lost(comparison: Comparison) -> tuple[Fact, ...]:
    """The prompts whose target was the first choice before and is not now, in the order of the page."""
    return tuple(fact for fact in facts(comparison) if fact.before == 1 and fact.after > 1)


def gained(comparison: Comparison) -> tuple[Fact, ...]:
    """The prompts whose target is the first choice now and was not before, in the order of the page."""
    return tuple(fact for fact in facts(comparison) if fact.before > 1 and fact.after == 1)


def facts(comparison: Comparison) -> Iterator[Fact]:
    """Where the target of each prompt stands before and after, of the first analysis of the page that says so."""
    for (models, _), pairs in _by_prompt(comparison.pairs).items():
        for pair in pairs:
            change = pair.change(TARGET_RANK)
            if change is not None and change.before is not None and change.after is not None:
                said = next(filter(any, map(_said, pairs)), (None, None))
                yield Fact(models, pair.prompt, pair.label, change.before, change.after, said)
                break


def _said(pair: Pair) -> tuple[str | None, str | None]:
    def told(trace: object) -> str | None:
        value = trace.get(_SAID) if isinstance(trace, dict) else None
        return value if isinstance(value, str) else None

    before, after = pair.before, pair.after
    return told(before.trace if before else None), told(after.trace if after else None)


def headline(comparison: Comparison) -> str:
    """What a comparison found, in one to three plain sentences, the worst first."""
    compared = [pairs for pairs in _by_prompt(comparison.pairs).values() if any(pair.changes for pair in pairs)]
    failing = [pair for pair in comparison.pairs if pair.mark is Mark.NEWLY_FAILING]
    blind = [pair for pair in comparison.pairs if pair.mark is Mark.NOT_COMPARABLE]
    sentences = []
    if failing:
        which = listed(list(dict.fromkeys(f"{pair.label} of {_called(comparison, pair)}" for pair in failing)), most=3)
        sentences.append(f"{_counted(len(failing), 'result')} fail{'s' if len(failing) == 1 else ''} now: {which}.")
    if compared:
        sentences.append(_said_of(comparison, compared))
    if not compared and blind:
        sentences.append(f"Nothing could be compared. {blind[0].reason}")
    elif blind:
        sentences.append(f"{_counted(len(blind), 'result')} could not be compared.")
    return " ".join(sentences) or "Nothing could be compared: no result is on both sides."


def _said_of(comparison: Comparison, compared: list[list[Pair]]) -> str:
    """The sentence about answers and reasons; where neither moved, about numbers."""
    total = len(compared)
    clauses = list(_answers(comparison, total))
    if moved := sum(any(map(_reasons_moved, pairs)) for pairs in compared):
        clauses.append(f"the reasons moved in {moved} of {total}")
    if not moved and not lost(comparison) and not gained(comparison):
        clauses.append(_numbers(compared))
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _answers(comparison: Comparison, total: int) -> Iterator[str]:
    """What became of the answers: which were lost, which are new, or that all that were right still are."""
    gone, new = lost(comparison), gained(comparison)
    right = sum(fact.before == 1 for fact in facts(comparison))
    if gone:
        names = listed([_called(comparison, fact) for fact in gone])
        yield f"{len(gone)} of {_counted(total, 'prompt')} lost {'its' if len(gone) == 1 else 'their'} answer: {names}"
    elif right:
        yield (
            "the one answer that was right still is" if right == 1 else f"all {right} answers that were right still are"
        )
    if new:
        names = listed([_called(comparison, fact) for fact in new])
        yield f"{len(new)} gained {'its' if len(new) == 1 else 'theirs'}: {names}"


def _reasons_moved(pair: Pair) -> bool:
    """Whether an analysis of how the model gets there says that two results are apart."""
    return pair.analysis not in SPEECH and any(
        change.measure.of_two and change.mark is Mark.CHANGED for change in pair.changes
    )


def _numbers(compared: list[list[Pair]]) -> str:
    """In how many prompts anything moved at all."""
    marks = [gravest(pair.mark for pair in pairs if pair.mark in _MOVED) for pairs in compared]
    total, worse = len(marks), marks.count(Mark.WORSE)
    other = sum(mark not in (Mark.SAME, Mark.WORSE) for mark in marks)
    if worse:
        also = f" and moved in {other} more" if other else ""
        return f"numbers got worse in {worse} of {_counted(total, 'prompt')}{also}"
    if other:
        return f"numbers moved in {other} of {_counted(total, 'prompt')}, and got worse in none"
    return f"nothing moved beyond rounding in {_counted(total, 'prompt')}"


def _called(comparison: Comparison, found: Pair | Fact) -> str:
    """The name of a prompt, with the model where there are several."""
    name = found.prompt.name
    return name if len(comparison.models) == 1 else f"{name} ({found.models[1]})"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
