from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, LayerIntegratedGradients, NoiseTunnel, Saliency

from ecco_reports.methods.gradients import gradients, integrated_gradients, smooth_grad
from ecco_reports.methods.targets import Target
from tests import tiny
from tests.methods.hand_made import HandMade
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

IDS = tiny.word_tokenizer().encode(tiny.TEXT + " London the dog").ids
TARGETS = [Target(position, IDS[position + 1]) for position in (7, 8, 9)]


def case(family, dtype=torch.float32):
    """The transformers model, ours around the same object, a reading of the text, and its embeddings."""
    from ecco_reports.models.huggingface import wrap

    model = tiny.build(family, dtype)
    ours = wrap(model, tiny.word_tokenizer())
    reading = reading_of(ours, IDS)
    return model, ours, reading, ours.embed(reading)


def reading_like(model, inputs):
    """A reading of as many tokens as there are embeddings; a model made by hand does not look at them."""
    return reading_of(model, range(len(inputs)))


def relu_model():
    """The example of Sundararajan et al. 2017, figure 2, in one logit: ReLU(ReLU(x1) - 1 - ReLU(x2))."""
    return HandMade(lambda e: torch.relu(torch.relu(e[:, :1]) - 1 - torch.relu(e[:, 1:])).repeat(1, 2, 1))


def test_integrated_gradients_solve_the_example_of_their_paper():
    inputs = torch.tensor([[3.0], [1.0]], dtype=torch.float64)
    model = relu_model()
    found = integrated_gradients(
        model,
        reading_like(model, inputs),
        inputs,
        torch.zeros_like(inputs),
        [Target(1, 0)],
        "logit",
        0.01,
        ladder=(200,),
    )
    assert found.vectors.flatten().tolist() == pytest.approx([1.5, -0.5], abs=0.02)
    assert found.scores.tolist() == [1.0]
    assert found.baseline_scores.tolist() == [0.0]


def test_in_a_linear_model_every_method_is_weight_times_input():
    weights = torch.tensor([[2.0, -3.0], [0.5, 4.0]])
    model = HandMade(
        lambda e: torch.stack([(e * weights).sum((1, 2)), torch.zeros(len(e))], -1)[:, None].repeat(1, 2, 1)
    )
    inputs, target = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), [Target(1, 0)]
    reading = reading_like(model, inputs)
    integrated = integrated_gradients(model, reading, inputs, torch.zeros_like(inputs), target, "logit", 0.01)
    plain = gradients(model, reading, inputs, target, "logit")
    assert integrated.vectors[0].numpy() == pytest.approx((weights * inputs).numpy(), abs=1e-5)
    assert plain.vectors[0].numpy() == pytest.approx(weights.numpy())
    assert plain.residuals.item() < 1e-4
    assert integrated.steps.tolist() == [32]


def test_a_target_that_is_not_exact_enough_gets_more_nodes_and_the_others_do_not():
    model = HandMade(lambda e: torch.cat([e, torch.exp(-((e - 0.8) ** 2) * 100)], -1))
    inputs = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    targets = [Target(1, 0), Target(1, 0, foil=1)]
    found = integrated_gradients(
        model, reading_like(model, inputs), inputs, torch.zeros_like(inputs), targets, "logit", 1e-6, ladder=(4, 64)
    )
    assert found.steps.tolist() == [4, 64]
    assert found.vectors.sum((1, 2)).tolist() == pytest.approx(
        (found.scores - found.baseline_scores).tolist(), abs=1e-6
    )


def test_a_sum_that_is_right_by_luck_is_not_believed():
    """A bump in the middle of the path is climbed and descended: the sum is right, and the nodes have not seen it."""
    model = HandMade(lambda e: e + 5 * torch.exp(-(((e - 0.5) / 0.05) ** 2)))
    inputs = torch.ones(1, 1, dtype=torch.float64)
    reading, target = reading_like(model, inputs), [Target(0, 0)]
    found = integrated_gradients(model, reading, inputs, torch.zeros_like(inputs), target, "logit", 0.01, ladder=(3,))
    assert found.vectors.sum().item() == pytest.approx(1.0)
    assert found.residuals.item() > 1.0
    enough = integrated_gradients(model, reading, inputs, torch.zeros_like(inputs), target, "logit", 0.01)
    assert enough.residuals.item() < 0.01


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_integrated_gradients_are_those_of_captum(family):
    model, ours, reading, inputs = case(family)
    baseline = ours.token_embedding("eos").expand_as(inputs)
    found = integrated_gradients(ours, reading, inputs, baseline, TARGETS, "logprob", 1.0, ladder=(32,)).vectors.sum(-1)
    oracle = LayerIntegratedGradients(
        lambda ids: model(ids).logits[:, -1].log_softmax(-1), model.get_input_embeddings()
    )
    for row, target in zip(found, TARGETS, strict=True):
        ids = torch.tensor([IDS[: target.place + 1]])
        theirs = oracle.attribute(ids, torch.zeros_like(ids), target=target.token, n_steps=32).sum(-1)[0]
        assert row[: len(theirs)].numpy() == pytest.approx(
            theirs.numpy(), abs=1e-5 * float(theirs.abs().max().clamp_min(1))
        )
        assert row[len(theirs) :].abs().max().item() == 0.0 if len(row) > len(theirs) else True


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("score", ["logprob", "logit", "probability"])
def test_gradients_are_those_of_captum(family, score):
    model, ours, reading, inputs = case(family)
    found = gradients(ours, reading, inputs, TARGETS, score)

    def forward(embeddings):
        logits = model(inputs_embeds=embeddings).logits[:, -1]
        return {"logit": logits, "logprob": logits.log_softmax(-1), "probability": logits.softmax(-1)}[score]

    for row, target in zip(found.vectors, TARGETS, strict=True):
        prefix = inputs[None, : target.place + 1].clone().requires_grad_(True)
        times = InputXGradient(forward).attribute(prefix, target=target.token)[0].detach()
        saliency = Saliency(forward).attribute(prefix, target=target.token)[0].detach()
        scale = max(1.0, float(saliency.abs().max()))
        ours_here = row[: target.place + 1]
        assert (ours_here * inputs[: target.place + 1]).numpy() == pytest.approx(times.numpy(), abs=1e-5 * scale)
        assert ours_here.abs().numpy() == pytest.approx(saliency.numpy(), abs=1e-5 * scale)


# The RMS norms of transformers compute in single precision whatever the model's type is.
@pytest.mark.parametrize(("family", "limit"), [("gpt2", 1e-9), ("neox", 1e-9), ("llama", 1e-4), ("gemma2", 1e-4)])
def test_contributions_are_complete_to_nine_digits_in_double_precision(family, limit):
    _, ours, reading, inputs = case(family, torch.float64)
    baseline = ours.mean_embedding().expand_as(inputs)
    found = integrated_gradients(ours, reading, inputs, baseline, TARGETS, "logprob", limit / 10, ladder=(64, 128, 256))
    missing = found.vectors.sum((1, 2)) - (found.scores - found.baseline_scores)
    assert missing.abs().max().item() < limit
    assert found.residuals.max().item() < limit


def test_a_zero_baseline_of_a_model_that_normalises_its_input_is_not_believed():
    """Where the nodes miss what happens next to zero, the sum is right now and then by luck."""
    _, ours, reading, inputs = case("llama")
    found = integrated_gradients(ours, reading, inputs, torch.zeros_like(inputs), TARGETS, "logprob", 0.01)
    assert found.residuals.min().item() > 0.1


def test_later_tokens_have_no_gradient():
    _, ours, reading, inputs = case("neox")
    found = gradients(ours, reading, inputs, TARGETS, "logprob").vectors
    assert found[0, 8:].abs().max().item() == 0.0
    assert found[0, :8].abs().max().item() > 0.0


def test_two_targets_at_one_position_are_explained_apart():
    _, ours, reading, inputs = case("gpt2")
    together = gradients(ours, reading, inputs, [Target(7, 3), Target(7, 5), Target(7, 3, foil=5)], "logit").vectors
    alone = gradients(ours, reading, inputs, [Target(7, 5)], "logit").vectors
    assert together[1].numpy() == pytest.approx(alone[0].numpy(), abs=1e-6)
    assert (together[0] - together[1]).numpy() == pytest.approx(together[2].numpy(), abs=1e-5)


def test_chunks_change_nothing(monkeypatch):
    _, ours, reading, inputs = case("llama")
    baseline = ours.mean_embedding().expand_as(inputs)
    whole = integrated_gradients(ours, reading, inputs, baseline, TARGETS, "logprob", 0.01)
    monkeypatch.setattr("ecco_reports.methods.slopes._TOKENS_AT_ONCE", 1)
    single = integrated_gradients(ours, reading, inputs, baseline, TARGETS, "logprob", 0.01)
    assert single.vectors.numpy() == pytest.approx(whole.vectors.numpy(), abs=1e-5)


def test_a_wrong_gradient_is_found_out():
    class Detached(HandMade):
        def logits_from_embeddings(self, reading, embeddings, places):
            return super().logits_from_embeddings(reading, embeddings + (embeddings * 2).detach(), places)

    inputs = torch.tensor([[1.0], [2.0]])
    model = Detached(lambda e: e.repeat(1, 1, 2))
    found = gradients(model, reading_like(model, inputs), inputs, [Target(1, 0)], "logit")
    assert found.residuals.item() > 0.5


def noisy(inputs, noise, seed, draws):
    """The noisy inputs that a seed stands for: each draw has a generator of its own."""
    deviation = noise * inputs.std()
    shape = tuple(inputs.shape)
    drawn = [np.random.default_rng([seed, draw]).standard_normal(shape) for draw in range(draws)]
    return inputs + deviation * torch.from_numpy(np.stack(drawn)).to(inputs)


def test_smooth_grad_is_the_mean_of_captums_gradients_at_noisy_inputs():
    model, ours, reading, inputs = case("gpt2")
    found = smooth_grad(ours, reading, inputs, TARGETS, "logprob", 0.2, 16, 5)
    points = noisy(inputs, 0.2, 5, 16)
    for row, target in zip(found.vectors, TARGETS, strict=True):
        prefix = points[:, : target.place + 1].clone().requires_grad_(True)
        forward = lambda e: model(inputs_embeds=e).logits[:, -1].log_softmax(-1)  # noqa: E731
        theirs = Saliency(forward).attribute(prefix, target=target.token, abs=False).detach()
        assert row[: target.place + 1].numpy() == pytest.approx(theirs.mean(0).numpy(), abs=1e-5)
    assert found.parts.mean(0).numpy() == pytest.approx(found.vectors.numpy(), abs=1e-6)
    assert found.steps.tolist() == [16, 16, 16]
    assert found.residuals.max() < 0.02


def test_smooth_grad_has_the_expectation_of_captums_noise_tunnel():
    """Other draws of the same noise: both means are within a few standard errors of each other."""
    model, ours, reading, inputs = case("gpt2")
    found = smooth_grad(ours, reading, inputs, TARGETS[-1:], "logprob", 0.1, 256, 0)
    forward = lambda e: model(inputs_embeds=e).logits[:, -1].log_softmax(-1)  # noqa: E731
    torch.manual_seed(0)
    length = TARGETS[-1].place + 1
    theirs = NoiseTunnel(Saliency(forward)).attribute(
        inputs[None, :length],
        nt_samples=256,
        stdevs=float(0.1 * inputs.std()),
        target=TARGETS[-1].token,
        abs=False,
        nt_samples_batch_size=64,
    )[0]
    error = found.parts.std(0)[0, :length] / len(found.parts) ** 0.5
    apart = (found.vectors[0, :length] - theirs.detach()).abs() / (error + 1e-6)
    assert apart.median() < 2
    scale = theirs.abs().mean()
    assert (found.vectors[0, :length] - theirs.detach()).abs().mean() < 0.1 * scale


def test_noise_averages_a_kink_away():
    """The slope of a ReLU at its kink is 0 or 1; of its mean under noise that is as often on either side, a half."""
    model, inputs = HandMade(lambda e: torch.relu(e - 1.0)), torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    reading = reading_like(model, inputs)
    found = smooth_grad(model, reading, inputs, [Target(0, 0)], "logit", 0.5, 2000, 0)
    assert found.vectors[0, 0, 0].item() == pytest.approx(0.5, abs=0.05)
    assert found.parts[:, 0, 0, 0].std().item() == pytest.approx((0.25 / 250) ** 0.5, rel=0.6)


def test_a_wrong_gradient_of_noisy_inputs_is_found_out():
    class Detached(HandMade):
        def logits_from_embeddings(self, reading, embeddings, places):
            return super().logits_from_embeddings(reading, embeddings + (embeddings * 2).detach(), places)

    model, inputs = Detached(lambda e: e.repeat(1, 1, 2)), torch.tensor([[1.0], [2.0]])
    found = smooth_grad(model, reading_like(model, inputs), inputs, [Target(1, 0)], "logit", 0.1, 8, 0)
    assert found.residuals.item() > 0.5


def test_chunks_change_no_draw(monkeypatch):
    _, ours, reading, inputs = case("llama")
    whole = smooth_grad(ours, reading, inputs, TARGETS, "logprob", 0.1, 24, 1)
    monkeypatch.setattr("ecco_reports.methods.slopes._TOKENS_AT_ONCE", 40)
    cramped = smooth_grad(ours, reading, inputs, TARGETS, "logprob", 0.1, 24, 1)
    assert cramped.parts.numpy() == pytest.approx(whole.parts.numpy(), abs=1e-5)


def test_what_is_said_in_two_places_is_one_target():
    """Log-probabilities add up, probabilities multiply, and so do their gradients by their rules."""
    _, ours, reading, inputs = case("gpt2", torch.float64)
    both = Target(7, 3, also=(Target(8, 5),))
    apart = [Target(7, 3), Target(8, 5)]
    for score in ("logprob", "logit"):
        one = gradients(ours, reading, inputs, [both, *apart], score)
        assert one.vectors[0].numpy() == pytest.approx((one.vectors[1] + one.vectors[2]).numpy(), abs=1e-9)
        assert one.scores[0].item() == pytest.approx(float(one.scores[1] + one.scores[2]))
        assert one.residuals.max() < 1e-4
    product = gradients(ours, reading, inputs, [both, *apart], "probability")
    assert product.scores[0].item() == pytest.approx(float(product.scores[1] * product.scores[2]))
    by_rule = product.vectors[1] * product.scores[2] + product.vectors[2] * product.scores[1]
    assert product.vectors[0].numpy() == pytest.approx(by_rule.numpy(), abs=1e-12)
