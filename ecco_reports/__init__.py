"""Explainability reports for language models: YAML experiments in, a browsable static site out.

In a notebook:

    >>> import ecco_reports
    >>> model = ecco_reports.load_model("bundled:facts")
    >>> result = ecco_reports.analyze(model, "Heathrow airport is located in the city of", "logit_lens", top_k=10)
    >>> ecco_reports.charts(result)

Importing this package is light; torch comes with the first model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecco_reports.notebook import analyze, charts, load_model

__version__ = "0.1.0"
__all__ = ["__version__", "analyze", "charts", "load_model"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ecco_reports import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
