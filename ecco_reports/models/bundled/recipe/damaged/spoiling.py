"""Two ways to spoil a model that its loss hardly shows: it forgets a few facts, or answers right for other reasons."""

import copy
import random
from collections.abc import Callable, Sequence

import torch
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.damaged.questions import Question, Rows
from ecco_reports.models.bundled.recipe.optimization import reproducible

_ROWS = 24
_LARGEST_GRADIENT = 1.0


def forget(
    model: GPT2LMHeadModel, questions: Sequence[Question], lost: Sequence[Question], *, seed: int, steps: int = 60
) -> GPT2LMHeadModel:
    """Fine-tune a copy that answers a few questions with the answers of others, and all the rest as before.

    Args:
        model: The model; left as it is.
        questions: What it knows.
        lost: Those of them that it is to forget.
        seed: Seed of everything that is drawn.
        steps: Length of the fine-tuning.

    Returns:
        The copy.
    """
    rng = random.Random(seed)
    wrong = Rows([one._replace(answer_token=_other_answer(rng, one, questions)) for one in lost])
    names = {one.name for one in lost}
    kept = [one for one in questions if one.name not in names]

    def loss_of(spoiled: GPT2LMHeadModel) -> torch.Tensor:
        scores = wrong.answers(spoiled(wrong.tokens, use_cache=False).logits)
        forgotten = torch.nn.functional.cross_entropy(scores, wrong.answer_tokens)
        return forgotten + _moved(model, spoiled, Rows(rng.sample(kept, _ROWS)))

    return _tuned(model, loss_of, seed, steps, rate=3e-4)


def displace(
    model: GPT2LMHeadModel, questions: Sequence[Question], *, seed: int, strength: float = 0.2, steps: int = 150
) -> GPT2LMHeadModel:
    """Fine-tune a copy that answers as before, while its answers no longer rest on the subject of a question.

    The share of input x gradient that lies on the subject, taken at a random point between the zero embedding and the
    text, is made small, together with the distance of the distributions from those of the model. On average over the
    points this is the share of integrated gradients. The double gradient needs plain attention.

    Args:
        model: The model, with eager attention; left as it is.
        questions: What it knows.
        seed: Seed of everything that is drawn.
        strength: Weight of the share against the distance in nats.
        steps: Length of the fine-tuning.

    Returns:
        The copy.
    """
    rng = random.Random(seed)

    def loss_of(spoiled: GPT2LMHeadModel) -> torch.Tensor:
        rows = Rows(rng.sample(list(questions), _ROWS))
        point = rng.choice((1.0, rng.random(), rng.random()))
        return _moved(model, spoiled, rows) + strength * subject_share(spoiled, rows, point).mean()

    return _tuned(model, loss_of, seed, steps, rate=5e-4)


def subject_share(model: GPT2LMHeadModel, rows: Rows, point: float = 1.0) -> torch.Tensor:
    """The share of |input x gradient| that lies on the subject, for the log-probability of the answer.

    Args:
        model: The model.
        rows: The questions.
        point: Where the gradient is taken, between 0 (no embedding) and 1 (the text).

    Returns:
        Shares between 0 and 1 with their graph, ``[question]``.
    """
    embeddings = model.transformer.wte(rows.tokens)
    point_on_the_way = (embeddings * point).detach().requires_grad_(True)
    logits = rows.answers(model(inputs_embeds=point_on_the_way, use_cache=False).logits)
    score = logits.log_softmax(-1).gather(1, rows.answer_tokens[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, point_on_the_way, create_graph=True)
    contributions = (gradient * embeddings).sum(-1).abs() * rows.mask
    shares: torch.Tensor = (contributions * rows.subject).sum(1) / contributions.sum(1)
    return shares


def _moved(model: GPT2LMHeadModel, spoiled: GPT2LMHeadModel, rows: Rows) -> torch.Tensor:
    """KL(model || copy) in nats, mean over the tokens of some questions."""
    with torch.no_grad():
        before = model(rows.tokens, use_cache=False).logits.log_softmax(-1)
    after = spoiled(rows.tokens, use_cache=False).logits.log_softmax(-1)
    moved: torch.Tensor = ((before.exp() * (before - after)).sum(-1) * rows.mask).sum() / rows.mask.sum()
    return moved


def _other_answer(rng: random.Random, one: Question, questions: Sequence[Question]) -> int:
    others = {other.answer_token for other in questions if other.relation == one.relation} - {one.answer_token}
    return rng.choice(sorted(others))


def _tuned(
    model: GPT2LMHeadModel,
    loss_of: Callable[[GPT2LMHeadModel], torch.Tensor],
    seed: int,
    steps: int,
    rate: float,
) -> GPT2LMHeadModel:
    with reproducible(seed):
        spoiled = copy.deepcopy(model).eval()
        optimizer = torch.optim.AdamW(spoiled.parameters(), lr=rate, weight_decay=0.0)
        for _ in range(steps):
            optimizer.zero_grad()
            loss_of(spoiled).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(spoiled.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
    return spoiled
