"""Behaviour in words: the sentences that a gate may expect to be true.

In: a sentence as people write it. Out: what it expects, or why it cannot be judged. ``gates`` judges it. A sentence is
a line of ``PATTERNS``; nothing here guesses: what is not one of them is answered with those that are like it.

The forms are written as they are read: ``(a|b)`` is one of two, ``[ c]`` may be left out, and in braces stand a quoted
text, a method, a whole number, an amount, and a share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from ecco_reports.errors import nearest

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
"""Whole numbers that may be written as words."""

PARTS = {"half": "1/2", "a third": "1/3", "two thirds": "2/3", "a quarter": "1/4", "three quarters": "3/4"}
"""Shares that may be written as words."""

_NUMBER = r"\d+(?:\.\d+)?|\.\d+"
_SLOTS = {
    "quote": r"(?P<quote>“[^”]+”|„[^“”]+[“”]|«[^»]+»|‘[^’]+’|\"[^\"]+\"|'[^']+')",
    "method": r"(?P<method>[a-z][a-z0-9_ ×-]*)",
    "count": rf"(?P<count>\d+|{'|'.join(WORDS)})",
    "amount": rf"(?P<amount>{_NUMBER}|{'|'.join(WORDS)}|a|an|half an?)",
    "share": rf"(?P<share>\d+/\d+|(?:{_NUMBER})(?:\s*(?:%|percent|per cent))?|{'|'.join(PARTS)})",
}


class About(StrEnum):
    """What a prompt must have for a sentence to be about it."""

    TARGET = "target"
    FOIL = "foil"
    QUOTE = "quote"
    ANSWER = "answer"


@dataclass(frozen=True)
class Pattern:
    """A sentence that can be judged.

    Attributes:
        name: What the code calls it.
        form: How it is written.
        example: One that can be copied.
        meaning: When it is true, as a sentence.
        analyses: The analyses whose results tell; any of them will do, the first that is there is asked.
        about: What a prompt must have; prompts without it are passed over.
        of_two: Whether it holds the run against the baseline.
        refusal: Why it cannot be judged yet; empty where it can.
    """

    name: str
    form: str
    example: str
    meaning: str
    analyses: tuple[str, ...]
    about: tuple[About, ...] = ()
    of_two: bool = False
    refusal: str = ""


_PROBABLE = ("generation", "token_ranks", "logit_lens")

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "first choice",
        "the target is [the model's |the ](first choice|top-ranked)",
        "the target is the first choice",
        "no other token is more probable after the prompt than the prompt's target",
        _PROBABLE,
        (About.TARGET,),
    ),
    Pattern(
        "among the first",
        "the target is among the (first|top) {count}[ choices]",
        "the target is among the first three choices",
        "the rank of the target is at most that number",
        _PROBABLE,
        (About.TARGET,),
    ),
    Pattern(
        "by layer",
        "the target is (top-ranked|the first choice) by layer {count}",
        "the target is top-ranked by layer 3",
        "the first layer at which the target is the first choice is at most that one; the first block is layer 0",
        ("token_ranks",),
        (About.TARGET,),
    ),
    Pattern(
        "by depth",
        "the target is (top-ranked|the first choice) within the first {share} of the layers",
        "the target is top-ranked within the first half of the layers",
        "the target is the first choice at some layer that lies in that first part of the model",
        ("token_ranks",),
        (About.TARGET,),
    ),
    Pattern(
        "probability",
        "the target has a probability of at least {share}",
        "the target has a probability of at least 50 %",
        "what the model gives the target after the prompt is at least that much",
        _PROBABLE,
        (About.TARGET,),
    ),
    Pattern(
        "beats the foil",
        "the target beats the foil[ by at least {amount} nats?]",
        "the target beats the foil",
        "the target is more probable than the foil, by at least so many nats of log-probability if it says so",
        ("generation",),
        (About.TARGET, About.FOIL),
    ),
    Pattern(
        "answer contains",
        "the answer contains {quote}",
        "the answer contains “London”",
        "what the model wrote, or filled in, has these characters somewhere",
        ("generation",),
        (About.ANSWER,),
    ),
    Pattern(
        "answer lacks",
        "the answer (does not contain|never contains) {quote}",
        "the answer does not contain “Paris”",
        "what the model wrote, or filled in, has these characters nowhere",
        ("generation",),
        (About.ANSWER,),
    ),
    Pattern(
        "answer begins",
        "the answer (begins|starts) with {quote}",
        "the answer begins with “London”",
        "what the model wrote begins with these characters, spaces at its beginning aside",
        ("generation",),
        (About.ANSWER,),
    ),
    Pattern(
        "answer is",
        "the answer is {quote}",
        "the answer is “London .”",
        "what the model wrote is this and nothing else, spaces around it aside",
        ("generation",),
        (About.ANSWER,),
    ),
    Pattern(
        "holds",
        "{quote} holds at least {share} of the attribution[ by {method}]",
        "“Heathrow” holds at least 30 % of the attribution",
        "these words have that share of what the attribution of the first output gives the prompt, signs aside",
        ("attribution",),
        (About.QUOTE,),
    ),
    Pattern(
        "holds at most",
        "{quote} holds at most {share} of the attribution[ by {method}]",
        "“the” holds at most a quarter of the attribution",
        "these words have no more than that share of what the attribution of the first output gives the prompt",
        ("attribution",),
        (About.QUOTE,),
    ),
    Pattern(
        "strongest",
        "{quote} is the strongest word[ by {method}]",
        "“Heathrow” is the strongest word",
        "no word of the prompt has more of the attribution of the first output, signs aside",
        ("attribution",),
        (About.QUOTE,),
    ),
    Pattern(
        "stays among the strongest",
        "{quote} stays among the {count} strongest words[ by {method}]",
        "“Heathrow” stays among the 3 strongest words",
        "it is one of so many words with the most attribution, if it was one of them in the baseline",
        ("attribution",),
        (About.QUOTE,),
        of_two=True,
    ),
    Pattern(
        "same strongest",
        "the strongest word stays the same[ by {method}]",
        "the strongest word stays the same",
        "the word with the most attribution of the first output is the one that it was in the baseline",
        ("attribution",),
        of_two=True,
    ),
    Pattern(
        "same answer",
        "the answer stays the same",
        "the answer stays the same",
        "what the model wrote is, character by character, what it wrote in the baseline",
        ("generation",),
        (About.ANSWER,),
        of_two=True,
    ),
    Pattern(
        "target loses",
        "the target loses at most {amount} nats?",
        "the target loses at most half a nat",
        "the log-probability of the target is less than in the baseline by no more than that",
        _PROBABLE,
        (About.TARGET,),
        of_two=True,
    ),
    Pattern(
        "no later",
        "the target is (top-ranked|the first choice) no later than (in the baseline|before)",
        "the target is top-ranked no later than in the baseline",
        "the first layer at which the target is the first choice lies no deeper in the model than it did",
        ("token_ranks",),
        (About.TARGET,),
        of_two=True,
    ),
    Pattern(
        "ablation",
        "(ablating|removing|switching off|without) layer {count}[,] (costs|the target loses) at most {amount} nats?",
        "ablating layer 5 costs at most one nat",
        "without that layer the log-probability of the target is less by no more than that",
        (),
        refusal="no analysis switches layers off yet, so nothing can tell what a layer is worth",
    ),
)
"""Every sentence that is understood."""


@dataclass(frozen=True)
class Expectation:
    """What a sentence expects.

    Attributes:
        text: The sentence as it was written.
        pattern: What it is an instance of.
        quote: The quoted text, without its quotation marks.
        method: The method it names, as an analysis calls it; empty for the first one.
        count: The whole number it names.
        amount: The amount it names; 0 where it names none.
        share: The share it names, from 0 to 1.
    """

    text: str
    pattern: Pattern = field(repr=False)
    quote: str = ""
    method: str = ""
    count: int = 0
    amount: float = 0.0
    share: float = 0.0


def read_sentence(text: str) -> Expectation:
    """What a sentence expects.

    Raises:
        ValueError: It is none that can be judged; the message says why, and what is like it.
    """
    sentence = text.strip().rstrip(". ")
    for pattern in PATTERNS:
        if found := _regex(pattern.form).fullmatch(sentence):
            if pattern.refusal:
                raise ValueError(f"{pattern.refusal}.")
            return _filled(text, pattern, {name: part for name, part in found.groupdict().items() if part})
    like = nearest(sentence, [pattern.example for pattern in PATTERNS if not pattern.refusal])
    hint = f" One like it: {like[0]}." if like else ""
    raise ValueError(f"this sentence is not understood.{hint} `ecco-reports metrics` lists what can be said.")


def _filled(text: str, pattern: Pattern, parts: dict[str, str]) -> Expectation:
    share = _share(parts["share"]) if "share" in parts else 0.0
    if share > 1:
        raise ValueError(f"{parts['share']} is more than all of it: a share is at most 100 %.")
    return Expectation(
        text=" ".join(text.split()),
        pattern=pattern,
        quote=parts.get("quote", "  ")[1:-1],
        method=re.sub(r"[ -]+", "_", parts.get("method", "").strip().lower().replace("×", "x")),
        count=_whole(parts.get("count", "0")),
        amount=_amount(parts.get("amount", "0")),
        share=share,
    )


def _regex(form: str) -> re.Pattern[str]:
    """A form as a regular expression that leaves case and the width of spaces alone."""
    written = form.replace("(", "(?:").replace("[", "(?:").replace("]", ")?").replace(" ", r"\s+")
    for name, slot in _SLOTS.items():
        written = written.replace(f"{{{name}}}", slot)
    return re.compile(written, re.IGNORECASE)


def _whole(text: str) -> int:
    return WORDS.index(text.lower()) + 1 if text.lower() in WORDS else int(text)


def _amount(text: str) -> float:
    if text.lower() in ("a", "an", "half a", "half an"):
        return 0.5 if text.lower().startswith("half") else 1.0
    return float(_whole(text)) if text.lower() in WORDS else float(text)


def _share(text: str) -> float:
    number = PARTS.get(text.lower(), text)
    if percent := re.fullmatch(r"(.+?)\s*(?:%|percent|per cent)", number, re.IGNORECASE):
        return float(percent.group(1)) / 100
    if "/" in number:
        top, bottom = map(int, number.split("/"))
        return float(Fraction(top, bottom)) if bottom else 2.0
    return float(number)
