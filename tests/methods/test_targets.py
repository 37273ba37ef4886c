from __future__ import annotations

import pytest
import torch

from ecco_reports.methods.targets import Target, score_targets

LOGITS = torch.tensor([[[2.0, 1.0, 0.0], [0.0, 5.0, 1.0]]])


def test_a_logit_is_taken_as_it_stands():
    assert score_targets(LOGITS, [Target(3, 0), Target(4, 2)], "logit").tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("score", ["logprob", "probability"])
def test_the_normalised_scores_are_those_of_a_softmax(score):
    found = score_targets(LOGITS, [Target(3, 0), Target(4, 2)], score)
    expected = LOGITS.softmax(-1)[0, [0, 1], [0, 2]]
    assert found[0] == pytest.approx(expected.log() if score == "logprob" else expected)


def test_against_a_foil_log_probabilities_differ_as_logits_do():
    targets = [Target(3, 0, foil=1), Target(4, 2, foil=0)]
    assert score_targets(LOGITS, targets, "logprob")[0] == pytest.approx(torch.tensor([1.0, 1.0]))
    assert score_targets(LOGITS, targets, "logit").tolist() == [[1.0, 1.0]]


def test_targets_with_and_without_a_foil_stand_side_by_side():
    assert score_targets(LOGITS, [Target(3, 0), Target(4, 2, foil=1)], "logit").tolist() == [[2.0, -4.0]]
