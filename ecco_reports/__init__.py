"""Explainability reports for language models: YAML experiments in, a browsable static site out.

In a notebook:

    >>> import ecco_reports
    >>> model = ecco_reports.load_model("bundled:facts")
    >>> result = ecco_reports.analyze(model, "Heathrow airport is located in the city of", "logit_lens", top_k=10)
    >>> ecco_reports.charts(result)

Importing this package is light; torch comes with the first model.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import ecco_reports.charts as _charts

if TYPE_CHECKING:
    from ecco_reports.notebook import analyze, charts, load_model

__version__ = "0.1.0"
__all__ = ["__version__", "analyze", "charts", "load_model"]


class _ChartsPackage(ModuleType):
    """The package of charts, which can also be called: ``ecco_reports.charts(result)``.

    Python binds a subpackage to its name in the parent as soon as anything imports it, so the function of that name
    and the package must be one thing.
    """

    def __call__(self, result: Any) -> Any:
        """The figures of a result."""
        from ecco_reports import notebook

        return notebook.charts(result)


_charts.__class__ = _ChartsPackage


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ecco_reports import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
