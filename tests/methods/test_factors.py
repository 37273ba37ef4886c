"""Factors against planted ones, a plain port of the first algorithm, scikit-learn, and what must not change them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.methods.factors import Factorization, elbow, rows_of
from ecco_reports.records import Decoding, Prompt

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = (
    "In the morning I walked from the village to the lake, and beside the road I saw a small brown frog and many bees. "
    "The wind was cold, the sky was dark, but I did not wait. We heard an owl in the old tree and swans over the river."
)


def matrix(rows=300, tokens=40, count=5, seed=0):
    """A non-negative matrix with some structure and some noise."""
    draw = np.random.default_rng(seed)
    weights = draw.gamma(0.3, size=(rows, count))
    loadings = draw.gamma(0.4, size=(count, tokens))
    return weights @ loadings + 0.1 * draw.random((rows, tokens))


def error(values, weights, loadings):
    return np.linalg.norm(values - weights @ loadings) / np.linalg.norm(values)


def of(values, count, tolerance=1e-5, most=3000):
    return Factorization(values, tolerance, most).factors(count)


@pytest.fixture(scope="module")
def real():
    """What the neurons of a trained model do on a paragraph, ``[row, token]``."""
    model = ecco_reports.load_model("bundled:masked")
    reading = model.read(Prompt(name="p", text=TEXT), Decoding())
    content = [position for position, token in enumerate(reading.passage.tokens) if not token.special]
    return rows_of(model.neurons(reading), content, "split").values


def by_multiplication(values, weights, loadings, sweeps):
    """The updates of Lee & Seung (2001), theorem 1, as they stand there."""
    tiny = 1e-12
    for _ in range(sweeps):
        loadings = loadings * (weights.T @ values) / (weights.T @ weights @ loadings + tiny)
        weights = weights * (values @ loadings.T) / (weights @ loadings @ loadings.T + tiny)
    return weights, loadings


def test_planted_factors_are_found_again():
    draw = np.random.default_rng(3)
    weights, loadings = np.zeros((60, 3)), np.zeros((3, 12))
    for factor, size in enumerate((5.0, 3.0, 1.0)):
        weights[20 * factor : 20 * factor + 20, factor] = size * (1 + draw.random(20))
        loadings[factor, 4 * factor : 4 * factor + 4] = (1.0, 0.5, 0.25, 0.75)
    found = of(weights @ loadings, 3)
    assert found.error < 1e-4
    np.testing.assert_allclose(found.loadings, loadings, atol=1e-4)
    np.testing.assert_allclose(found.weights, weights, atol=1e-3)
    assert found.converged


def test_the_first_algorithm_comes_to_the_same_error_in_more_steps():
    values = matrix()
    start = Factorization(values, 1e-5, 1)._start(5)
    port = by_multiplication(values, start[0].T.copy(), start[1].copy(), 3000)
    found = of(values, 5)
    assert found.error == pytest.approx(error(values, *port), rel=1e-3)
    assert found.error <= error(values, *port) + 1e-6
    early = by_multiplication(values, start[0].T.copy(), start[1].copy(), found.iterations)
    assert found.error < error(values, *early)


def test_scikit_learn_comes_to_the_same_error_on_real_activations(real):
    from sklearn.decomposition import NMF

    theirs = NMF(8, init="nndsvda", random_state=0, tol=1e-6, max_iter=3000)
    weights = theirs.fit_transform(real)
    assert of(real, 8).error == pytest.approx(error(real, weights, theirs.components_), rel=1e-4)


@pytest.mark.parametrize("count", [4, 8, 12])
def test_the_error_is_not_larger_than_that_of_the_original_ecco(real, count):
    """It ran scikit-learn's with its defaults, from a random start."""
    from sklearn.decomposition import NMF

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Whether it came to rest, it did not say.
        theirs = NMF(count, init="random", random_state=0, max_iter=500)
        weights = theirs.fit_transform(real)
    assert of(real, count).error <= error(real, weights, theirs.components_) + 1e-4


def test_scikit_learn_finds_nothing_to_improve(real):
    from sklearn.decomposition import non_negative_factorization

    found = of(real, 6)
    theirs = {"W": np.ascontiguousarray(found.weights), "H": np.ascontiguousarray(found.loadings)}
    weights, loadings, _ = non_negative_factorization(real, **theirs, n_components=6, init="custom", max_iter=50, tol=0)
    assert error(real, weights, loadings) == pytest.approx(found.error, rel=1e-5)
    np.testing.assert_allclose(loadings / loadings.max(1, keepdims=True), found.loadings, atol=1e-3)


def test_what_is_explained_and_what_is_left_add_up(real):
    found = of(real, 8)
    assert found.shares.sum() + found.error**2 == pytest.approx(1, abs=1e-4)
    assert found.error == pytest.approx(error(real, found.weights, found.loadings), rel=1e-5)
    assert (found.row_shares >= 0).all()


def test_factors_come_in_the_order_of_their_shares_and_have_a_largest_loading_of_one(real):
    found = of(real, 8)
    assert (np.diff(found.shares) <= 1e-6).all()
    np.testing.assert_allclose(found.loadings.max(1), 1)
    assert min(found.weights.min(), found.loadings.min()) >= 0


def test_at_rest_no_factor_can_be_improved_and_after_one_sweep_it_can():
    values = matrix()
    assert of(values, 5).movement < 1e-4
    begun = of(values, 5, most=1)
    assert (begun.converged, begun.iterations) == (False, 1)
    assert begun.movement > 0.01
    assert begun.error > of(values, 5).error


def test_no_factors_are_better_than_singular_values_allow(real):
    parts = Factorization(real, 1e-4, 1000)
    singular = np.linalg.svd(real.astype(np.float64), compute_uv=False)
    for count in (1, 4, 12):
        floor = np.sqrt((singular[count:] ** 2).sum() / (singular**2).sum())
        assert parts.floor(count) == pytest.approx(floor, abs=1e-5)
        assert parts.factors(count).error >= floor - 1e-6


def test_one_factor_is_the_first_singular_pair():
    """The largest singular vectors of a non-negative matrix have one sign (Perron and Frobenius)."""
    values = matrix()
    left, size, right = np.linalg.svd(values)
    found = of(values, 1)
    np.testing.assert_allclose(found.weights @ found.loadings, size[0] * np.outer(left[:, 0], right[0]), atol=1e-3)
    assert found.error == pytest.approx(Factorization(values, 1e-5, 1).floor(1), rel=1e-6)


def test_more_factors_leave_less(real):
    parts = Factorization(real, 1e-4, 1000)
    errors = [parts.factors(count).error for count in (1, 2, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)


def test_the_same_numbers_give_the_same_factors_to_the_last_bit(real):
    first, second = of(real, 8), of(real.copy(), 8)
    assert np.array_equal(first.loadings, second.loadings)
    assert np.array_equal(first.weights, second.weights)


def test_another_order_of_tokens_or_rows_only_moves_the_numbers():
    values = matrix()
    draw = np.random.default_rng(1)
    tokens, rows = draw.permutation(values.shape[1]), draw.permutation(len(values))
    found, moved = of(values, 5, 1e-7), of(values[rows][:, tokens], 5, 1e-7)
    np.testing.assert_allclose(moved.loadings, found.loadings[:, tokens], atol=1e-4)
    np.testing.assert_allclose(moved.weights, found.weights[rows], atol=1e-3)


def test_larger_activations_have_larger_weights_and_the_same_loadings():
    values = matrix()
    found, large = of(values, 5), of(1000 * values, 5)
    np.testing.assert_allclose(large.loadings, found.loadings, atol=1e-3)
    np.testing.assert_allclose(large.weights, 1000 * found.weights, rtol=1e-2, atol=1)
    assert large.error == pytest.approx(found.error, rel=1e-4)


@pytest.mark.parametrize("values", [np.ones((5, 6)), np.outer(np.arange(1.0, 6), np.arange(1.0, 7))])
def test_more_factors_than_there_are_independent_tokens_leave_nothing_and_are_finite(values):
    found = of(values, 4)
    assert found.error < 1e-4
    for numbers in (found.weights, found.loadings, found.shares, [found.movement]):
        assert np.isfinite(numbers).all()


def test_rows_hold_layers_in_the_order_of_their_numbers_and_lose_nothing():
    draw = torch.Generator().manual_seed(0)
    activations = {layer: torch.randn(6, 4, generator=draw) for layer in (10, 2, 0, 11, 1)}
    rows = rows_of(activations, [5, 0, 3], "split")
    assert list(dict.fromkeys(rows.layer.tolist())) == [0, 1, 2, 10, 11]
    again = {layer: torch.zeros(3, 4) for layer in activations}
    for values, layer, neuron, below in zip(rows.values, rows.layer, rows.neuron, rows.below, strict=True):
        again[int(layer)][:, int(neuron)] += torch.from_numpy(values) * (-1 if below else 1)
    for layer, numbers in activations.items():
        assert torch.equal(again[layer], numbers[[5, 0, 3]])
    whole = torch.stack([numbers[[5, 0, 3]] for numbers in activations.values()])
    assert rows.negative == pytest.approx(float(whole.clamp(max=0).square().sum() / whole.square().sum()), rel=1e-5)


def test_negative_activations_can_be_set_to_nought_as_in_the_original():
    activations = {0: torch.tensor([[1.0, -2.0, 0.0], [3.0, -1.0, 0.0]])}
    rows = rows_of(activations, [0, 1], "zero")
    assert rows.values.tolist() == [[1.0, 3.0]]
    assert (rows.neuron.tolist(), rows.below.tolist()) == ([0], [False])
    assert rows.negative == pytest.approx(5 / 15)


def test_balanced_layers_weigh_alike_and_their_scale_is_known():
    activations = {0: torch.rand(4, 3), 1: 100 * torch.rand(4, 5)}
    rows = rows_of(activations, range(4), "split", balanced=True)
    plain = rows_of(activations, range(4), "split")
    for layer in (0, 1):
        assert np.square(rows.values[rows.layer == layer]).sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(rows.values / rows.scale[:, None], plain.values, rtol=1e-5)


@pytest.mark.parametrize(
    ("counts", "errors", "chosen"),
    [
        ((2, 4, 6, 8), (0.9, 0.4, 0.35, 0.3), 4),
        ((2, 4, 6, 8), (0.9, 0.7, 0.3, 0.28), 6),
        ((2, 4, 6), (0.9, 0.6, 0.3), 2),  # A straight line bends nowhere.
        ((5,), (0.5,), 5),
    ],
)
def test_the_elbow_is_where_the_curve_hangs_lowest(counts, errors, chosen):
    assert elbow(counts, errors) == chosen
