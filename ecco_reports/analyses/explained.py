"""What is explained about a prompt: the tokens the model wrote, and the one its author asks about.

In: a prompt and its continuation. Out: targets as a reader sees them, from which the numeric ones follow.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ecco_reports.models.base import Continuation, TextTokenizer
from ecco_reports.records import Passage, Prompt, Record, Token

Choice: TypeAlias = Literal["all", "generated", "given"]


class Explained(Record):
    """A target as a reader sees it.

    Attributes:
        token: The token whose prediction is explained.
        foil: The token it is compared with, or None.
        position: Where it stands in the text, or None when it is not in it.
        after: The last position it can depend on.
    """

    token: Token
    foil: Token | None = None
    position: int | None
    after: int

    @property
    def label(self) -> str:
        """Its name on axes and buttons: ``·Tokyo``, or ``Tokyo rather than Paris``."""
        return self.token.label if self.foil is None else f"{self.token.word} rather than {self.foil.word}"

    @property
    def word(self) -> str:
        """Its name in a sentence: “Tokyo” rather than “Paris”."""
        return f"“{self.token.word}”" if self.foil is None else f"“{self.token.word}” rather than “{self.foil.word}”"


def explained_of(
    prompt: Prompt, choice: Choice, written: Continuation, passage: Passage, tokenizer: TextTokenizer
) -> tuple[Explained, ...]:
    """The targets asked for: the prompt's own one first, then every generated token.

    A given target that is just what the model wrote first is not said twice.
    """
    found: list[Explained] = []
    if prompt.target is not None and choice != "generated":
        token = tokenizer.token(tokenizer.continuation_ids(prompt.target)[0])
        foil = None if prompt.foil is None else tokenizer.token(tokenizer.continuation_ids(prompt.foil)[0])
        if foil is not None or choice == "given" or written.generated[:1] != (token.id,):
            found.append(Explained(token=token, foil=foil, position=None, after=written.prompt_length - 1))
    if choice != "given":
        for position in range(written.prompt_length, len(written.ids)):
            found.append(Explained(token=passage.tokens[position], position=position, after=position - 1))
    return tuple(found)
