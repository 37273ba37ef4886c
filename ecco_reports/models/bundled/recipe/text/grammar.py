"""A small context-free grammar over words: what a rule names is replaced until nothing is left to replace."""

import random
import re
from collections.abc import Mapping, Sequence

from ecco_reports.models.bundled.recipe.text.templates import capitalized, with_articles

_SLOT = re.compile(r"<(\w+)>")


class Grammar:
    """Rules by name; an alternative of a rule may name other rules as `<name>`."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        """Take the rules.

        Args:
            rules: Alternatives by the name of their rule; an alternative listed twice is drawn twice as often.

        Raises:
            ValueError: If an alternative names a rule that does not exist.
        """
        named = {name.lower() for texts in rules.values() for text in texts for name in _SLOT.findall(text)}
        if missing := sorted(named - set(rules)):
            raise ValueError(f"The grammar has no rule for {', '.join(missing)}.")
        self._rules = rules

    def expand(self, text: str, rng: random.Random) -> str:
        """Replace every slot of a text until none is left.

        Args:
            text: Text with slots such as `<place>`; a slot that begins with an upper-case letter gives a capitalized
                expansion.
            rng: Source of randomness.

        Returns:
            The text without slots, with "a" changed to "an" where a vowel follows.
        """

        def fill(match: re.Match[str]) -> str:
            slot = match.group(1)
            filled = self.expand(rng.choice(self._rules[slot.lower()]), rng)
            return capitalized(filled) if slot[0].isupper() else filled

        return with_articles(_SLOT.sub(fill, text))
