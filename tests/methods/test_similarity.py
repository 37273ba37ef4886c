"""Similarity of two sets of vectors: definitions spelled out, other people's programs, and axioms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA

from ecco_reports.methods import similarity
from ecco_reports.methods.similarity import cka, cka_grid, cka_of_batches, correlations, hsic, mean_cca, pwcca, subspace
from tests.methods.similar import CASES, DIRECTIONS, states_of

GOLDEN = np.load(Path(__file__).parents[1] / "oracles" / "ecco_similarity.npz")
SEEDS = st.integers(0, 10**6)


def drawn(seed, tokens=40, width=7, other=5):
    """Two sets of vectors that have something to do with each other."""
    chance = np.random.default_rng(seed)
    first = chance.normal(size=(tokens, width)) * np.geomspace(5, 0.5, width) + 2.0
    return first, first @ chance.normal(size=(width, other)) + chance.normal(size=(tokens, other))


def rotation(size, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def hsic_by_definition(first, second):
    """HSIC_1 of Song et al. (2012), term by term."""
    n, ones = len(first), np.ones(len(first))
    k, l = first @ first.T, second @ second.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    inner = (
        np.trace(k @ l)
        + (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * ones @ k @ l @ ones
    )
    return inner / (n * (n - 3))


def correlations_by_covariance(first, second):
    """Canonical correlations as the singular values of the whitened cross-covariance (Hotelling 1936)."""
    one, other = first - first.mean(0), second - second.mean(0)

    def whitener(x):
        values, vectors = np.linalg.eigh(x.T @ x)
        return vectors @ np.diag(values**-0.5) @ vectors.T

    return np.linalg.svd(whitener(one) @ one.T @ other @ whitener(other), compute_uv=False)


def test_two_sets_of_noise_look_alike_to_biased_cka_and_not_to_debiased_cka():
    """Twenty tokens of 768 dimensions: nearly all that biased CKA sees is the diagonal, which is the same for all."""
    first, second = states_of("unrelated")
    assert cka(first, second, debiased=False) > 0.96
    assert abs(cka(first, second)) < 0.05


@pytest.mark.parametrize("name", CASES)
def test_cka_is_what_ecco_computes(name):
    first, second = states_of(name)
    assert cka(first, second, debiased=False) == pytest.approx(float(GOLDEN[f"{name}_cka"]), abs=1e-12)
    assert cka(first, second) == pytest.approx(float(GOLDEN[f"{name}_cka_debiased"]), abs=1e-12)


@pytest.mark.parametrize("name", ["long", "related"])
def test_canonical_correlations_are_what_ecco_computes(name):
    first, second = states_of(name)
    found = correlations(subspace(first), subspace(second))
    assert found == pytest.approx(GOLDEN[f"{name}_correlations"][: len(found)], abs=1e-8)
    # Its mean leaves out the smallest, once the others hold 98 % of their sum.
    kept = int(np.argmax(np.cumsum(found) / found.sum() >= 0.98)) + 1
    assert found[:kept].mean() == pytest.approx(float(GOLDEN[f"{name}_cca"]), abs=1e-8)


@pytest.mark.parametrize("name", ["long", "related"])
def test_svcca_of_a_number_of_directions_is_what_ecco_computes(name):
    def leading(states):
        centred = states - states.mean(0)
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        return left[:, :DIRECTIONS] * sizes[:DIRECTIONS]

    first, second = map(leading, states_of(name))
    assert mean_cca(subspace(first), subspace(second)) == pytest.approx(float(GOLDEN[f"{name}_svcca"]), abs=1e-8)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_unbiased_criterion_is_its_definition_term_by_term(seed):
    first, second = drawn(seed)
    assert hsic(first, second) == pytest.approx(hsic_by_definition(first, second), rel=1e-9, abs=1e-9)


def test_the_biased_criterion_is_the_squared_covariance():
    first, second = drawn(3)
    covariance = (first - first.mean(0)).T @ (second - second.mean(0)) / (len(first) - 1)
    assert hsic(first, second, debiased=False) == pytest.approx((covariance**2).sum(), rel=1e-12)


def test_the_unbiased_criterion_of_unrelated_sets_is_nought_on_average():
    chance = np.random.default_rng(0)
    found = [hsic(chance.normal(size=(8, 30)), chance.normal(size=(8, 30))) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
    biased = [hsic(chance.normal(size=(8, 30)), chance.normal(size=(8, 30)), debiased=False) for _ in range(50)]
    assert np.mean(biased) > 10 * np.std(found) / 20


@given(SEEDS, st.booleans())
@settings(max_examples=20, deadline=None)
def test_cka_keeps_to_its_axioms(seed, debiased):
    first, second = drawn(seed)
    value = cka(first, second, debiased)
    assert cka(first, first, debiased) == pytest.approx(1)
    assert cka(second, first, debiased) == pytest.approx(value)
    assert value <= 1 + 1e-12
    turned = 7.5 * first @ rotation(7) - 3.0
    assert cka(turned, second, debiased) == pytest.approx(value, abs=1e-9)
    if not debiased:
        assert value >= 0
    stretched = first * np.geomspace(100, 0.01, 7)
    assert cka(stretched, second, debiased) != pytest.approx(value, abs=1e-4)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_canonical_correlations_do_not_mind_any_invertible_map(seed):
    first, second = drawn(seed)
    value = mean_cca(subspace(first), subspace(second))
    mixed = first @ (rotation(7) * np.geomspace(3, 0.3, 7)) + 5.0
    assert 0 <= value <= 1
    assert mean_cca(subspace(first), subspace(mixed)) == pytest.approx(1)
    assert mean_cca(subspace(mixed), subspace(second)) == pytest.approx(value, abs=1e-8)
    assert correlations(subspace(first), subspace(second)) == pytest.approx(correlations_by_covariance(first, second))


def test_canonical_correlations_are_those_of_scikit_learn():
    first, second = drawn(5, tokens=200, width=4, other=3)
    one, other = CCA(n_components=3, scale=False, max_iter=5000, tol=1e-12).fit_transform(first, second)
    theirs = [np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(3)]
    assert correlations(subspace(first), subspace(second)) == pytest.approx(theirs, abs=1e-5)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_projection_weighting_is_its_definition(seed):
    """Morcos et al. (2018): the canonical variables of the first set, weighted by what its neurons project on them."""
    first, second = drawn(seed)
    one, other = first - first.mean(0), second - second.mean(0)
    values, vectors = np.linalg.eigh(one.T @ one)
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    values, vectors = np.linalg.eigh(other.T @ other)
    white_other = vectors @ np.diag(values**-0.5) @ vectors.T
    turns, found, _ = np.linalg.svd(white @ one.T @ other @ white_other, full_matrices=False)
    variables = one @ white @ turns
    weights = [sum(abs(variables[:, i] @ one[:, j]) for j in range(7)) for i in range(5)]
    expected = sum(w * c for w, c in zip(weights, found, strict=True)) / sum(weights)
    assert pwcca(subspace(first), subspace(second)) == pytest.approx(expected, abs=1e-9)
    assert pwcca(subspace(second), subspace(first)) != pytest.approx(expected, abs=1e-6)
    assert pwcca(subspace(first), subspace(first)) == pytest.approx(1)


def test_a_direction_that_matters_much_counts_much():
    """One shared direction that is large, one that is not shared and small: the mean is blind to which is which."""
    chance = np.random.default_rng(2)
    shared = chance.normal(size=(400, 1))
    first = np.hstack([100 * shared, chance.normal(size=(400, 1))])
    second = np.hstack([shared, chance.normal(size=(400, 1))])
    assert mean_cca(subspace(first), subspace(second)) < 0.6
    assert pwcca(subspace(first), subspace(second)) > 0.95


def test_with_more_dimensions_than_tokens_only_some_directions_are_compared():
    """All of them would span everything that so few tokens can show, and correlate perfectly whatever they are."""
    first, second = states_of("unrelated")
    one, other = subspace(first), subspace(second)
    assert (one.rank, one.directions) == (19, 19 // similarity.TOKENS_PER_DIRECTION)
    assert mean_cca(one, other) < 0.9
    whole = np.linalg.svd(first - first.mean(0), full_matrices=False)[0][:, :19]
    every = np.linalg.svd(second - second.mean(0), full_matrices=False)[0][:, :19]
    assert np.linalg.svd(whole.T @ every, compute_uv=False) == pytest.approx(1)


def test_a_share_of_the_variance_keeps_the_fewest_directions_that_hold_it():
    chance = np.random.default_rng(4)
    states = chance.normal(size=(500, 4)) * np.array([10.0, 5.0, 1.0, 0.1])
    shares = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    assert shares[0] / shares.sum() < 0.9 < shares[:2].sum() / shares.sum()
    assert subspace(states).holding(0.9).directions == 2
    assert subspace(states).holding(shares[0] / shares.sum()).directions == 1
    assert subspace(states).holding(1.0).directions == subspace(states).directions == 4


def test_tokens_in_another_order_have_the_same_subspace_in_that_order():
    first, second = drawn(6)
    order = np.random.default_rng(0).permutation(len(first))
    assert mean_cca(subspace(first).shuffled(order), subspace(second[order])) == pytest.approx(
        mean_cca(subspace(first), subspace(second))
    )
    assert pwcca(subspace(first).shuffled(order), subspace(second)) == pytest.approx(
        pwcca(subspace(first[order]), subspace(second))
    )


def test_vectors_that_are_all_the_same_resemble_nothing():
    same, other = np.ones((10, 3)), drawn(1, tokens=10)[0]
    for debiased in (True, False):
        assert cka(same, other, debiased) == 0
    assert mean_cca(subspace(same), subspace(other)) == 0
    assert pwcca(subspace(same), subspace(other)) == 0


def test_a_grid_holds_every_pair():
    sets = [*drawn(1), *drawn(2)]
    grid = cka_grid(sets[:3], sets)
    assert grid.shape == (3, 4)
    assert grid == pytest.approx(np.array([[cka(one, other) for other in sets] for one in sets[:3]]))


def test_parts_of_a_text_give_what_the_whole_gives_as_far_as_chance_goes():
    first, second = drawn(7, tokens=4096, width=12, other=9)
    whole = cka(first, second)
    for size in (32, 256):
        parts = [(first[at : at + size], second[at : at + size]) for at in range(0, 4096, size)]
        assert cka_of_batches(parts) == pytest.approx(whole, abs=0.01)
        biased = np.mean([cka(*part, debiased=False) for part in parts])
        assert abs(cka_of_batches(parts) - whole) < abs(biased - whole)
    assert cka_of_batches([(first, second)]) == pytest.approx(whole)


def test_three_tokens_are_too_few():
    with pytest.raises(ValueError, match="at least 4 tokens, not 3"):
        cka(*drawn(1, tokens=3))
    assert cka(*drawn(1, tokens=3), debiased=False) <= 1
