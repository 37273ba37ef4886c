"""How a residual stream moves, where it is large, and its principal components: hand calculations and axioms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from ecco_reports.methods.stream import compact, dimensions, massive_activations, means, movement, principal_components


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_vector_that_turns_by_a_right_angle_and_one_that_doubles():
    states = np.array([[[3.0, 4.0], [1.0, 0.0]], [[-4.0, 3.0], [2.0, 0.0]]])
    moved = movement(states)
    assert moved.norms.tolist() == [[5, 1], [5, 2]]
    assert moved.cosines.tolist() == [[0, 1]]
    assert moved.changes == pytest.approx(np.array([[2**0.5, 1]]))


def test_a_vector_that_begins_with_nothing_is_all_new_at_the_next_layer():
    moved = movement(np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]]))
    assert moved.changes.tolist() == [[1, 0]]
    assert moved.cosines.tolist() == [[0, 0]]


def test_a_single_state_has_lengths_and_no_changes():
    moved = movement(np.ones((1, 3, 4)))
    assert moved.norms.tolist() == [[2, 2, 2]]
    assert moved.cosines.shape == moved.changes.shape == (0, 3)


def test_length_direction_and_change_keep_to_the_law_of_cosines():
    moved = movement(noise(5, 6, 8))
    before, after = moved.norms[:-1], moved.norms[1:]
    squared = before**2 + after**2 - 2 * before * after * moved.cosines
    assert (moved.changes * before) ** 2 == pytest.approx(squared)


def spiked(states=8, tokens=50, width=100):
    """Noise in which dimension 7 is large at three tokens, in the upper half."""
    vectors = noise(states, tokens, width)
    vectors[states // 2 :, [0, 5, 9], 7] = -40.0
    return vectors


def test_an_outlier_stands_out_at_enough_tokens_in_enough_states():
    found = dimensions(spiked(), count=3)
    assert (found.outliers, found.outlier_states) == ((7,), (4,))
    assert found.numbers[0] == 7
    assert found.values[4:, 0].tolist() == [-40.0] * 4
    vector = spiked()[4, int(found.tokens[4, 0])].astype(float)
    assert found.times[4, 0] == pytest.approx(40 / np.sqrt((vector**2).mean()), rel=1e-6)
    assert set(found.tokens[4:, 0].tolist()) <= {0, 5, 9}


@pytest.mark.parametrize(("states", "tokens"), [(3, 50), (8, 51)])
def test_a_dimension_that_stands_out_too_seldom_is_no_outlier(states, tokens):
    """One state of eight, or three tokens of fifty-one where 6 % would be more."""
    vectors = noise(8, tokens, 100)
    if states == 3:
        vectors[-1, [0, 5, 9], 7] = -40.0
    else:
        vectors[4:, [0, 5, 9], 7] = -40.0
    assert dimensions(vectors, count=1).outliers == ()
    assert dimensions(vectors, count=1).numbers.tolist() == [7]


def test_other_units_do_not_change_what_stands_out():
    one, other = dimensions(spiked(), count=4), dimensions(1000 * spiked(), count=4)
    assert one.outliers == other.outliers
    assert one.times == pytest.approx(other.times)


def test_a_massive_activation_is_large_by_itself_and_against_the_median():
    vectors = noise(3, 10, 50)
    vectors[1, 0, 3], vectors[2, 0, 3], vectors[2, 4, 8] = 5000.0, -2000.0, 99.0
    found = massive_activations(vectors)
    assert [(one.state, one.token, one.dimension, one.value) for one in found] == [
        (1, 0, 3, 5000.0),
        (2, 0, 3, -2000.0),
    ]
    assert found[0].times == pytest.approx(5000 / np.median(np.abs(vectors[1])), rel=1e-6)
    assert massive_activations(vectors / 100) == ()
    assert massive_activations(noise(3, 10, 50) * 1000) == ()


@pytest.mark.parametrize("shape", [(4, 9, 5), (2, 4, 30)])
def test_principal_components_are_those_of_scikit_learn(shape):
    vectors = noise(*shape) * np.arange(1, shape[-1] + 1, dtype=np.float32)
    found = principal_components(vectors, 3)
    theirs = PCA(3, svd_solver="full").fit(vectors.reshape(-1, shape[-1]).astype(float))
    assert found.explained == pytest.approx(theirs.explained_variance_ratio_)
    expected = theirs.transform(vectors.reshape(-1, shape[-1]).astype(float)).reshape(*shape[:2], 3)
    signs = np.sign((found.coordinates * expected).sum((0, 1)))
    assert found.coordinates == pytest.approx(expected * signs, abs=1e-9)
    assert found.gap < 1e-12


def test_signs_of_components_hang_on_nothing_but_the_vectors():
    vectors = noise(3, 8, 4)
    assert principal_components(vectors[:, ::-1], 2).coordinates[:, ::-1] == pytest.approx(
        principal_components(vectors, 2).coordinates
    )


def test_states_centred_by_themselves_lose_what_their_tokens_share():
    vectors = noise(3, 8, 4) + 50 * np.arange(3, dtype=np.float32)[:, None, None]
    assert principal_components(vectors, 1).explained[0] > 0.99
    apart = principal_components(vectors, 4, by_state=True)
    assert apart.explained.sum() == pytest.approx(1)
    assert apart.coordinates.mean(1) == pytest.approx(np.zeros((3, 4)), abs=1e-6)
    assert apart.explained[0] < 0.9


def test_vectors_that_are_all_the_same_have_no_components():
    found = principal_components(np.ones((2, 3, 4)), 2)
    assert (found.coordinates.any(), found.explained.tolist(), found.gap) == (False, [0, 0], 0)


def test_as_many_coordinates_as_tokens_keep_every_inner_product():
    vectors = noise(3, 6, 40)
    same, share, gap = compact(vectors, vectors.size)
    assert (same == vectors).all()
    assert (share, gap) == (1, 0)
    turned, share, gap = compact(vectors, 3 * 6 * 6)
    assert turned.shape == (3, 6, 6)
    assert share == pytest.approx(1)
    assert gap < 1e-6
    for few, many in zip(turned, vectors, strict=True):
        assert few @ few.T == pytest.approx(many @ many.T, abs=1e-4)


def test_where_there_is_less_room_the_leading_coordinates_stay_and_it_is_said_what_they_hold():
    vectors = noise(2, 10, 40) * np.array([10.0] + [1.0] * 39, dtype=np.float32)
    few, share, gap = compact(vectors, 2 * 10 * 3)
    assert few.shape == (2, 10, 3)
    held = [(few[row] ** 2).sum() / (vectors[row] ** 2).sum() for row in range(2)]
    assert share == pytest.approx(min(held), rel=1e-5)
    assert share < 1
    assert gap < 1e-6


def test_a_unit_of_two_tokens_is_their_mean():
    vectors = noise(2, 3, 4)
    assert means(vectors, [(0,), (1, 2)])[:, 1] == pytest.approx((vectors[:, 1] + vectors[:, 2]) / 2, abs=1e-6)
