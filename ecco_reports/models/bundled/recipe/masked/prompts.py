"""The prompts that ship with the package, and the paragraph whose neurons are looked at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cloze:
    """A sentence with one word masked.

    Attributes:
        prompt: The sentence, with `[MASK]` in it.
        answer: The word that has to win, or nothing where many words fit.
        rival: The word that the answer has to beat; without one it has to beat all others.
    """

    prompt: str
    answer: str | None = None
    rival: str | None = None


CLOZES: tuple[Cloze, ...] = (
    Cloze("Heathrow airport is located in the city of [MASK].", "london"),
    Cloze("The capital of Japan is the city of [MASK].", "tokyo"),
    Cloze("Paris is the capital of [MASK].", "france"),
    Cloze("The people of Brazil speak [MASK].", "portuguese"),
    Cloze("The opposite of hot is [MASK].", "cold"),
    Cloze("The keys to the cabinet [MASK] on the table.", "are", "is"),
    Cloze("The key to the cabinets [MASK] on the table.", "is", "are"),
    Cloze("In the early morning we saw a [MASK] bird near the river."),
    Cloze("I [MASK] the sound of the wind, but the birds were quiet."),
)
"""Sentences with a masked word."""

NATURE_PARAGRAPH = (
    "In the early morning I walked along the narrow path, and the air was cold and clear. Two small birds were singing "
    "above the wet meadow; a brown lizard rested on a warm log, but it did not see me. "
    '"Can you hear the frogs behind the old fence?" she asked. We could not find them! '
    "The pond was quiet, the reeds were tall, and a yellow butterfly flew over the water - slow, bright, beautiful. "
    "He noticed three crows in the dark pine: they seemed hungry and wild. Because the wind was gentle, I could hear "
    "every leaf, while a huge heron watched us from the distant bank."
)
"""An entry of a diary in words of the training text, in sentences that are not in it."""
