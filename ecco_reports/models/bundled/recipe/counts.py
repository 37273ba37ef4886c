"""How many of how many were right, as `evaluation.json` reports it."""

from collections.abc import Collection

from ecco_reports.models.bundled.recipe.checkpoint import Record


def count(right: Collection[bool]) -> Record:
    """Count right answers.

    Args:
        right: For every question, whether its answer was right.

    Returns:
        Number of questions, number of right answers, and their share.
    """
    return share(sum(right), len(right))


def share(right: int, asked: int) -> Record:
    """Report how many answers were right.

    Args:
        right: Number of right answers.
        asked: Number of questions.

    Returns:
        Number of questions, number of right answers, and their share.
    """
    return {"prompts": asked, "right": right, "share": round(right / asked, 4)}
