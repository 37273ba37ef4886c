"""How the lens room speaks of the places of each family: tokens that others follow, masks, a class, the ends of a span.

In: the family of a model. Out: words for the grid of the logit lens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecco_reports.records import Family

if TYPE_CHECKING:
    from ecco_reports.charts.lens import LensWords

_NEXT = (
    "Read a column from the bottom up: under each token of the text stands what the model would say next if it stopped "
    "after that layer. Low layers guess frequent words, the answer forms on the way up, and the top row is what the "
    "model really predicts."
)
_TITLES = {
    Family.MASKED: "What each layer would put in each place",
    Family.CLASSIFICATION: "The class that each layer would choose",
    Family.QUESTION_ANSWERING: "The answer that each layer would point at",
}
_READINGS = {
    Family.MASKED: "Read a column from the bottom up: under each token of the text stands what the model would put in "
    "its place if it stopped after that layer. Under a mask the answer forms on the way up, and the top row is what it "
    "really fills in. Elsewhere it can see the token, which it was seldom asked for.",
    Family.CLASSIFICATION: "Read the column from the bottom up: it is the class that the model would choose if it "
    "stopped after that layer. The top row is what it really chooses.",
    Family.QUESTION_ANSWERING: "Read a column from the bottom up: it is the token at which the model would start, or "
    "end, its answer if it stopped after that layer. The top row is its real choice.",
}


_BARE = (
    "Under each token of the text stands the token whose row in the head's matrix agrees most with the layer's vector, "
    "just as that leaves the layer. Only the top row is behind the final norm, and is what the model really predicts."
)


def grid_title(family: Family) -> str:
    """Title of the grid."""
    return _TITLES.get(family, "What each layer would say next")


def grid_reading(family: Family, normed: bool) -> str:
    """How to read the grid, with the final norm applied or not."""
    reading = _READINGS.get(family, _NEXT) if normed else _BARE
    return f"{reading} Point at a cell to see its best candidates; the table below it has the first one of each."


def lens_words(family: Family) -> LensWords:
    """How the chart speaks of its columns and of what was right in them."""
    from ecco_reports.charts.lens import LensWords

    match family:
        case Family.MASKED:
            return LensWords(at="in the place of", right="what stands there, or was filled in", briefly="right")
        case Family.CLASSIFICATION:
            return LensWords(columns=None, at="the", right="the class it chose", briefly="chosen")
        case Family.QUESTION_ANSWERING:
            return LensWords(columns=None, at="the", right="the token it chose", briefly="chosen")
        case _:
            return LensWords()
