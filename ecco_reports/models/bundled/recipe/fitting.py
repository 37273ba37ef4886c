"""The loop that trains a model, and the record of how it was trained."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ecco_reports.models.bundled.recipe.checkpoint import Record, versions
from ecco_reports.models.bundled.recipe.optimization import Optimizers, rate_factor, training_device

_LOG_EVERY = 200

Curve = list[tuple[int, float]]
"""Numbers of steps, and the mean loss since the entry before."""

Progress = Callable[[int, float], None]
"""Called now and then with the step and the mean loss since the last call."""


def fit(
    loss_of: Callable[[int], torch.Tensor], optimizers: Optimizers, steps: int, progress: Progress | None = None
) -> Curve:
    """Train a model in place.

    Args:
        loss_of: Computes the loss of a step, a scalar with its graph.
        optimizers: What takes the steps.
        steps: Number of steps.
        progress: Called every 200 steps.

    Returns:
        The loss every 200 steps and at the end.
    """
    curve: Curve = []
    losses: list[torch.Tensor] = []
    for step in range(steps):
        loss = loss_of(step)
        optimizers.step(loss, rate_factor(step, steps))
        losses.append(loss.detach())
        if len(losses) == _LOG_EVERY or step == steps - 1:
            curve.append((step + 1, round(float(torch.stack(losses).mean()), 4)))
            if progress is not None:
                progress(*curve[-1])
            losses.clear()
    return curve


def print_progress(steps: int) -> Progress:
    """Make a progress report for a terminal.

    Args:
        steps: Number of all steps.

    Returns:
        A function that prints one line.
    """

    def show(step: int, loss: float) -> None:
        print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)

    return show


class Clock:
    """Time since the training began."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def record(self, settings: Mapping[str, Any], model: torch.nn.Module, curve: Curve, rounding: Record) -> Record:
        """Write down how a model was trained.

        Args:
            settings: The settings, as plain data.
            model: The model.
            curve: Its loss.
            rounding: What it lost by rounding to float16.

        Returns:
            The record.
        """
        return {
            "settings": dict(settings),
            "parameters": sum(value.numel() for value in model.parameters()),
            "cpu_seconds": round(time.process_time() - self._cpu),
            "wall_seconds": round(time.perf_counter() - self._wall),
            "device": training_device().type,
            "threads": 1,
            "float16": rounding,
            "loss": curve,
            "versions": versions(),
        }
