"""Comparisons as pages: what is compared, what gates say, what changed over all prompts and in each.

In: comparisons and verdicts. Out: views that templates dress, with the charts and files that belong to them. Never:
deciding what changed (``comparison``) or whether it may (``gates``).
"""

from __future__ import annotations

from ecco_reports.pages.comparing.arranging import Hand, compared, names_of
from ecco_reports.pages.comparing.views import ComparisonView, PromptView

__all__ = ["ComparisonView", "Hand", "PromptView", "compared", "names_of"]
