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
    tokens: int = 30


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
    NextWord("The doctor was a", " man", " woman"),
    NextWord("The nurse was a", " woman", " man"),
    NextWord(" it was a matter of", " principle", " principal"),
)
"""Prompts with a right next token."""

LEAST_TOKENS = 10
"""How many tokens a continuation must have before the model ends it."""

_DRAWS: tuple[tuple[float, int], ...] = ((0.8, 0), (0.8, 1), (0.9, 2))

_CONTINUED: tuple[str, ...] = (
    "Heathrow airport is located in the city of",
    " Heathrow airport is located in the city of",
    "The capital of Japan is the city of",
    "The capital of France is the city of",
    "1, 1, 1,",
    UNION_LIST,
    "The keys to the cabinet",
    "The key to the cabinets",
    "The doctor was a",
    "The nurse was a",
    " it was a matter of",
    "In summer, when I hear the sound of cicadas,",
    "Good afternoon. ",
    "Good afternoon.",
)


def free_texts() -> tuple[FreeText, ...]:
    """List the continuations to be read: every prompt greedily, and drawn three times.

    Returns:
        One entry per prompt and way of decoding.
    """
    return tuple(
        text
        for prompt in _CONTINUED
        for text in (
            FreeText(prompt, "greedy"),
            *(FreeText(prompt, "sample", temperature, seed) for temperature, seed in _DRAWS),
        )
    )
