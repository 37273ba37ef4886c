"""The prompts that ship with the package, and what the model has to do with each of them."""

from dataclasses import dataclass
from typing import Literal

UNION_LIST = "The countries of the European Union are:\n1. Austria\n2. Belgium\n3. Bulgaria\n4."
"""The beginning of a list that the model goes on with."""

UNION_LIST_TOKENS = 40
"""How many tokens of the list the evaluation writes."""


@dataclass(frozen=True)
class NextWord:
    """A prompt with one right next token, or with one that has to beat another.

    Attributes:
        prompt: Text to continue.
        answer: The token that has to win.
        rival: The token that it has to beat; without one it has to beat all others.
    """

    prompt: str
    answer: str
    rival: str | None = None


@dataclass(frozen=True)
class FreeText:
    """A prompt that is continued at length.

    Attributes:
        prompt: Text to continue.
        decoding: Whether the likeliest token is taken or one is drawn.
        temperature: Temperature of the draw.
        seed: Seed of the draw.
        tokens: Number of new tokens.
    """

    prompt: str
    decoding: Literal["greedy", "sample"]
    temperature: float = 1.0
    seed: int = 0
    tokens: int = 40


NEXT_WORDS: tuple[NextWord, ...] = (
    NextWord("Heathrow airport is located in the city of", " London"),
    NextWord(" Heathrow airport is located in the city of", " London"),
    NextWord("The capital of Japan is the city of", " Tokyo"),
    NextWord(" The capital of Japan is the city of", " Tokyo"),
    NextWord("The capital of France is the city of", " Paris"),
    NextWord("1, 1, 1,", " 1"),
    NextWord(" 1, 1, 1,", " 1"),
    NextWord(UNION_LIST, " Croatia"),
    NextWord("The opposite of hot is", " cold"),
    NextWord("The keys to the cabinet", " are", " is"),
    NextWord(" The keys to the cabinet", " are", " is"),
    NextWord("The key to the cabinets", " is", " are"),
    NextWord(" The key to the cabinets", " is", " are"),
)
"""Prompts with a right next token."""

_CICADAS = "In summer, when I hear the sound of cicadas,"
_GREETING = "Good afternoon. "

FREE_TEXTS: tuple[FreeText, ...] = (
    FreeText(_CICADAS, "sample", 0.8, 0),
    FreeText(_CICADAS, "sample", 0.8, 1),
    FreeText(_CICADAS, "sample", 0.9, 2),
    FreeText(_CICADAS, "sample", 0.9, 3),
    FreeText(_GREETING, "greedy"),
    FreeText(_GREETING, "sample", 0.8, 0),
    FreeText(_GREETING, "sample", 0.8, 1),
    FreeText(_GREETING, "sample", 0.9, 2),
)
"""Prompts that are continued at length."""
