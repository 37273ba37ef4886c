"""Writes ``ecco_similarity.npz``: what ecco 0.1.2 says of the similarity of a few matrices of random numbers.

ecco wants an environment of its own; README.md beside this file says how to make one. Run from the root of the
repository: ``python -m tests.oracles.make_ecco_similarity_golden``.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
from ecco import analysis
from ecco.svcca_lib import cca_core, cka_lib

from tests.methods.similar import CASES, DIRECTIONS, states_of

GOLDEN = Path(__file__).with_name("ecco_similarity.npz")


def main() -> None:
    golden = {"versions": np.array([f"{name} {version(name)}" for name in ("ecco", "numpy")])}
    for name in CASES:
        first, second = states_of(name)
        golden[f"{name}_cka"] = np.array(analysis.cka(first.T, second.T))
        golden[f"{name}_cka_debiased"] = np.array(cka_lib.feature_space_linear_cka(first, second, debiased=True))
        if len(first) > first.shape[1] and len(second) > second.shape[1]:
            golden[f"{name}_cca"] = np.array(analysis.cca(first.T, second.T))
            golden[f"{name}_svcca"] = np.array(analysis.svcca(first.T, second.T, dims=DIRECTIONS))
            found = cca_core.get_cca_similarity(first.T, second.T, epsilon=1e-10, verbose=False)
            golden[f"{name}_correlations"] = found["cca_coef1"]
    np.savez_compressed(GOLDEN, **golden)
    print(GOLDEN.name, GOLDEN.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
