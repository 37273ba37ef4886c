"""What is held against what: models, prompts, and the entries under one label.

In: two snapshots. Out: for each place of either, the two entries that belong together, or why there is only one or
why they cannot be compared. Never: numbers (``changes`` looks at those).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ecco_reports.comparison.findings import Mark
from ecco_reports.errors import BaselineError, did_you_mean
from ecco_reports.records import Prompt
from ecco_reports.snapshot import Entry, Snapshot

ModelPairs: TypeAlias = tuple[tuple[str, str], ...]

_CONTENT: Mapping[str, str] = {
    "text": "text",
    "text_pair": "second text",
    "messages": "conversation",
    "continuation": "continuation",
    "target": "target",
    "foil": "foil",
}
"""What makes a prompt another one, with the word for it."""


@dataclass(frozen=True)
class Match:
    """Two entries that belong together, or one that is alone.

    Attributes:
        models: Names of the two models; twice the same one where only one side has it.
        prompt: Of the candidate, if it has it.
        before: Of the baseline.
        after: Of the candidate.
        mark: Why their numbers are not compared; None where they are.
        reason: The same as a sentence.
    """

    models: tuple[str, str]
    prompt: Prompt
    before: Entry | None
    after: Entry | None
    mark: Mark | None = None
    reason: str = ""


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: "baseline" or "candidate".
        snapshot: What is known of it.
    """

    name: str
    snapshot: Snapshot

    @cached_property
    def entries(self) -> Mapping[tuple[str, str, str], Entry]:
        """The entries by model, prompt and label."""
        return {entry.place: entry for entry in self.snapshot.entries}

    @cached_property
    def _questions(self) -> Mapping[tuple[Any, ...], str]:
        return {_question(prompt): name for name, prompt in reversed(list(self.snapshot.prompts.items()))}

    def hint(self, prompt: Prompt) -> str:
        """Where the question of a prompt stands under another name, as it does when rows of a data set move."""
        name = self._questions.get(_question(prompt), prompt.name)
        return "" if name == prompt.name else f" The {self.name} calls the same question {name}."


def _question(prompt: Prompt) -> tuple[Any, ...]:
    return tuple(getattr(prompt, field) for field in _CONTENT)


def paired_models(before: Snapshot, after: Snapshot, models: Sequence[tuple[str, str]] | None) -> ModelPairs:
    """Which model is held against which.

    Args:
        before: The baseline.
        after: The candidate.
        models: The pairs somebody asked for, or None: then by name, or the only one of each side.

    Raises:
        BaselineError: A model asked for is not there, or no model is on both sides.
    """
    if models:
        for mine, theirs in models:
            _require_model(before, "baseline", mine)
            _require_model(after, "candidate", theirs)
        return tuple(dict.fromkeys((mine, theirs) for mine, theirs in models))
    if len(before.models) == len(after.models) == 1:
        return ((next(iter(before.models)), next(iter(after.models))),)
    if common := tuple((name, name) for name in after.models if name in before.models):
        return common
    raise BaselineError(
        f"The baseline of {before.experiment} and the candidate {after.experiment} have no model in common: "
        f"{listed(before.models)} before, {listed(after.models)} now. Say which is held against which, with #MODEL "
        "after each of the two."
    )


def _require_model(snapshot: Snapshot, side: str, model: str) -> None:
    if model not in snapshot.models:
        raise BaselineError(
            f"The {side}, a snapshot of {snapshot.experiment}, has no model {model!r}. "
            f"{did_you_mean(model, list(snapshot.models))}"
        )


def require_common_prompts(before: Snapshot, after: Snapshot) -> None:
    """Refuses two snapshots that share no prompt.

    Raises:
        BaselineError: No prompt of one is in the other, by name.
    """
    if not before.prompts.keys() & after.prompts.keys():
        raise BaselineError(
            f"The baseline of {before.experiment} and the candidate {after.experiment} have no prompt in common: "
            f"{listed(before.prompts)} before, {listed(after.prompts)} now. Compare with a baseline of the same "
            "experiment."
        )


def require_sound(snapshot: Snapshot, side: str) -> None:
    """Refuses a snapshot that contradicts itself, as one that was edited by hand may.

    Raises:
        BaselineError: An entry names a model or a prompt that is not there, or there are two of one place.
    """
    seen: set[tuple[str, str, str]] = set()
    for entry in snapshot.entries:
        name = " · ".join(entry.place)
        for what, known in (("model", snapshot.models), ("prompt", snapshot.prompts)):
            if (asked := entry.model if what == "model" else entry.prompt) not in known:
                raise BaselineError(
                    f"The {side}, a snapshot of {snapshot.experiment}, contradicts itself: its entry {name} names the "
                    f"{what} {asked!r}, which it does not have. Make it again."
                )
        if entry.place in seen:
            raise BaselineError(
                f"The {side}, a snapshot of {snapshot.experiment}, has two entries for {name}. Make it again."
            )
        seen.add(entry.place)


def matched(before: Side, after: Side, models: ModelPairs, *, all_models: bool) -> Iterator[Match]:
    """All places of both sides, in the order of the candidate's page; what only the baseline has comes last.

    Args:
        before: The baseline.
        after: The candidate.
        models: Which model is held against which.
        all_models: Whether the entries of other models are told as added and gone, rather than left out.
    """
    taken: set[tuple[tuple[str, str], str, str]] = set()
    for entry in after.snapshot.entries:
        partners = [mine for mine, theirs in models if theirs == entry.model]
        for mine in partners:
            taken.add(((mine, entry.model), entry.prompt, entry.label))
            yield _match((mine, entry.model), before, after, entry)
        if not partners and all_models:
            prompt = after.snapshot.prompts[entry.prompt]
            reason = f"The baseline has no model {entry.model}."
            yield Match((entry.model, entry.model), prompt, None, entry, Mark.ADDED, reason)
    for entry in before.snapshot.entries:
        partners = [theirs for mine, theirs in models if mine == entry.model]
        prompt = after.snapshot.prompts.get(entry.prompt, before.snapshot.prompts[entry.prompt])
        for theirs in partners:
            models_of = (entry.model, theirs)
            if (models_of, entry.prompt, entry.label) not in taken:
                yield Match(models_of, prompt, entry, None, Mark.GONE, _alone(entry, before, after))
        if not partners and all_models:
            reason = f"The candidate has no model {entry.model}."
            yield Match((entry.model, entry.model), prompt, entry, None, Mark.GONE, reason)


def _match(models: tuple[str, str], before: Side, after: Side, entry: Entry) -> Match:
    """Why two entries cannot be compared, if they cannot; what is graver comes first."""
    prompt = after.snapshot.prompts[entry.prompt]
    earlier = before.entries.get((models[0], entry.prompt, entry.label))
    if earlier is None:
        return Match(models, prompt, None, entry, Mark.ADDED, _alone(entry, after, before))
    for mark, reason in (
        (Mark.NOT_COMPARABLE, _other_prompt(prompt, before)),
        (Mark.NOT_COMPARABLE, _other_analysis(earlier, entry)),
        *_failures(earlier, entry),
        (Mark.NOT_COMPARABLE, _other_version(earlier, entry)),
        (Mark.NOT_COMPARABLE, _other_settings(earlier, entry)),
    ):
        if reason:
            return Match(models, prompt, earlier, entry, mark, reason)
    return Match(models, prompt, earlier, entry)


def other_content(before: Prompt, after: Prompt) -> tuple[str, ...]:
    """The fields of two prompts in which they ask another question; nothing of their names."""
    return tuple(field for field in _CONTENT if getattr(before, field) != getattr(after, field))


def _other_prompt(prompt: Prompt, before: Side) -> str:
    earlier = before.snapshot.prompts[prompt.name]
    fields = other_content(earlier, prompt)
    if not fields:
        return ""
    was, now = _quoted(earlier, fields[0]), _quoted(prompt, fields[0])
    also = f"; it also has another {listed([_CONTENT[field] for field in fields[1:]])}" if fields[1:] else ""
    return (
        f"The prompt {prompt.name} has another {_CONTENT[fields[0]]}: {was} before, {now} now{also}."
        f"{before.hint(prompt)}"
    )


def _quoted(prompt: Prompt, field: str) -> str:
    value = getattr(prompt, field)
    if value is None or value == ():
        return "none"
    text = " / ".join(message.content for message in value) if field == "messages" else value
    return f"“{textwrap.shorten(text, 60, placeholder=' …')}”" if len(text) > 60 else f"“{text}”"


def _other_analysis(before: Entry, after: Entry) -> str:
    if before.analysis == after.analysis:
        return ""
    return f"The label {after.label} stands for {before.analysis} before and for {after.analysis} now."


def _failures(before: Entry, after: Entry) -> Iterator[tuple[Mark, str]]:
    if before.failure is not None and after.failure is not None:
        yield Mark.NOT_COMPARABLE, f"It failed before ({_stopped(before.failure)}) and fails now: {after.failure}"
    elif after.failure is not None:
        yield Mark.NEWLY_FAILING, f"It had a result before and fails now: {after.failure}"
    elif before.failure is not None:
        yield Mark.MENDED, f"It has a result now, and failed before: {before.failure}"


def _stopped(message: str) -> str:
    return message.rstrip(". \n")


def _other_version(before: Entry, after: Entry) -> str:
    if before.version == after.version:
        return ""
    return (
        f"The analysis {after.analysis} has changed (version {before.version} before, {after.version} now), so that "
        "the same model gives other numbers. Make the baseline again with this version."
    )


def _other_settings(before: Entry, after: Entry) -> str:
    if before.settings == after.settings:
        return ""
    return (
        f"{after.label} was computed with other settings (of the analysis, its decoding or its seed), so that the same "
        "model gives other numbers. Make the baseline again with these settings."
    )


def _alone(entry: Entry, here: Side, there: Side) -> str:
    """Why an entry of one side has no partner on the other."""
    if entry.prompt in there.snapshot.prompts:
        return f"The {there.name} has no {entry.label} of the prompt {entry.prompt}."
    return f"The {there.name} has no prompt {entry.prompt}.{there.hint(here.snapshot.prompts[entry.prompt])}"


def listed(names: Sequence[str] | Mapping[str, object], most: int = 5) -> str:
    """Names one after the other, not all of very many."""
    known = list(names)
    if len(known) > most:
        return f"{', '.join(known[:most])} and {len(known) - most} more"
    return " and ".join(filter(None, [", ".join(known[:-1]), known[-1]])) if known else "none"
