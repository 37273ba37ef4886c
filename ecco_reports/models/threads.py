"""How many threads the arithmetic may use while a model is at work."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ecco_reports.models.base import LanguageModel


@contextmanager
def threads_for(model: LanguageModel, share: int | None = None) -> Iterator[None]:
    """Keeps torch to what serves a model best, and to a share of the processors, and restores what was before.

    Without torch there is nothing to keep.

    Args:
        model: The model at work.
        share: How many threads it may use at most; None sets no bound.
    """
    torch = sys.modules.get("torch")
    limits = [limit for limit in (share, model.best_threads) if limit is not None]
    if torch is None or not limits:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(min(limits))
    try:
        yield
    finally:
        torch.set_num_threads(before)
