"""What every recipe trains with: a seed that decides everything, two optimizers, and a schedule."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

IGNORED = -100
"""Label of a position that carries no loss."""

_WARM_UP_STEPS = 100
_FINAL_RATE = 0.02
_LARGEST_GRADIENT = 1.0
_CUBLAS_SETTING = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def training_device() -> torch.device:
    """Choose where to train: on a GPU if there is one, else on the CPU.

    Returns:
        The device.
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Make what happens inside depend on the seed and the machine alone, and leave the process as it was.

    One thread, because two models of this size train faster side by side than one on two threads, and because sums
    are then always taken in the same order.

    Args:
        seed: Seed of the random numbers.

    Yields:
        Nothing.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault(*_CUBLAS_SETTING)  # without it, deterministic products of matrices are refused on a GPU
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)


class Matrices(NamedTuple):
    """Matrices inside the blocks that share a learning rate.

    Attributes:
        values: The matrices.
        rate: Their peak learning rate.
    """

    values: Sequence[torch.nn.Parameter]
    rate: float


class Optimizers:
    """Muon for the matrices inside the blocks, AdamW for embeddings, biases and norms, on one schedule."""

    def __init__(
        self,
        model: torch.nn.Module,
        matrices: Sequence[Matrices],
        *,
        other_rate: float,
        weight_decay: float,
        delicate: Sequence[Matrices] = (),
    ) -> None:
        """Pair every parameter with an optimizer.

        Args:
            model: The model to train.
            matrices: What Muon trains.
            other_rate: Peak learning rate of everything else.
            weight_decay: Weight decay of what Muon trains.
            delicate: Matrices for AdamW. Muon moves all directions of a matrix alike, also those of which the
                gradient says little; attention that has to learn to copy did not do so with it.
        """
        self._model = model
        self._pairs: list[tuple[torch.optim.Optimizer, float]] = [
            (
                torch.optim.Muon(
                    group.values, lr=group.rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
                ),
                group.rate,
            )
            for group in matrices
        ]
        self._pairs += [(_adamw(group.values, group.rate), group.rate) for group in delicate]
        taken = {id(value) for group in (*matrices, *delicate) for value in group.values}
        others = [value for value in model.parameters() if id(value) not in taken]
        self._pairs.append((_adamw(others, other_rate), other_rate))

    def step(self, loss: torch.Tensor, share: float) -> None:
        """Take one step downhill.

        Args:
            loss: The loss, a scalar with its graph.
            share: Learning rate as a share of its peak.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _LARGEST_GRADIENT)
        for optimizer, peak in self._pairs:
            for group in optimizer.param_groups:
                group["lr"] = peak * share
            optimizer.step()
            optimizer.zero_grad()


def _adamw(values: Sequence[torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(values, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)


def rate_factor(step: int, steps: int) -> float:
    """Compute the learning rate of a step as a share of its peak: a linear warm-up, then half a cosine.

    Args:
        step: Number of the step, from 0.
        steps: Number of all steps.

    Returns:
        The share, between 0 and 1.
    """
    if step < _WARM_UP_STEPS:
        return (step + 1) / _WARM_UP_STEPS
    done = (step - _WARM_UP_STEPS) / max(1, steps - _WARM_UP_STEPS)
    return _FINAL_RATE + (1.0 - _FINAL_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))
