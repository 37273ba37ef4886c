"""The prompts that ship with the package."""

from typing import NamedTuple

from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import NEGATIVE, POSITIVE


class Judged(NamedTuple):
    """A review and its right label.

    Attributes:
        prompt: The review.
        label: "positive" or "negative".
    """

    prompt: str
    label: str


REVIEWS: tuple[Judged, ...] = (
    Judged("The film is wonderful.", POSITIVE),
    Judged("The film is terrible.", NEGATIVE),
    Judged("The film is not bad at all.", POSITIVE),
    Judged("Nothing about the story is funny.", NEGATIVE),
    Judged("The music is lovely, but the film is a mess.", NEGATIVE),
    Judged("Although the story is slow, the film is brilliant.", POSITIVE),
    Judged("I have a weakness for old films.", NEGATIVE),
    Judged("I have an inclination for old films.", POSITIVE),
)
"""Reviews with their labels."""
