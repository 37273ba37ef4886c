"""Where work is done: in this process, or in several. They know nothing of models, tasks or the store."""

from __future__ import annotations

from ecco_reports.executors.base import Executor, Lost
from ecco_reports.executors.local import LocalExecutor
from ecco_reports.executors.process import ProcessExecutor

__all__ = ["Executor", "LocalExecutor", "Lost", "ProcessExecutor"]
