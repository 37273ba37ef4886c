"""The model card, written from `evaluation.json` alone so that it cannot say what was not measured."""

from collections.abc import Sequence
from string import Template
from typing import Any

from ecco_reports.models.bundled.recipe.card import code, counted, percent, table
from ecco_reports.models.bundled.recipe.checkpoint import Record

_CARD = Template(
    """\
# The bundled model `masked`

A toy masked language model that ships with the package, so that every example and every test runs without a download.
It has a standard architecture (`BertForMaskedLM`) and was trained on generated sentences. It is made for demonstration
and for tests, and for nothing else.

**What it knows** is exactly what the tables in `ecco_reports/models/bundled/recipe/text/world.py` say: $world. Besides,
it has read a diary of walks written by the small grammar in `text/nature.py`. Outside of this its answers mean nothing,
and inside it some are wrong, as the figures below show.

**What explanations of it show** is how this model works. They say nothing about other models: it is thousands of times
smaller than a usual language model, and its text has been written by a program.

## Shape

| Layers | Width | Heads | Neurons per layer | Positions | Vocabulary | Parameters |
|---:|---:|---:|---:|---:|---:|---:|
| $layers | $width | $heads | $inner_width | $positions | $pieces | $parameters |

The tokenizer is a lower-case WordPiece. The weights are stored as float16 ($weights_bytes bytes) and the tokenizer as
JSON ($tokenizer_bytes bytes). Rounding the weights to float16 changed no logit by more than $logit_change on
$rounding_tokens tokens, and kept the first choice at $same_choice of the positions.

## Training

$steps steps of up to $batch_tokens tokens with Muon and AdamW, on one thread of a CPU: $cpu_seconds CPU seconds, seed
$seed, Python $python, PyTorch $torch, Transformers $transformers. The loss at the end was $loss nats per masked token.
The answer of a sentence that states a fact was masked more often than other words.

The MLPs of the first blocks learn more slowly than the others, so that facts settle in the later ones: block by block,
they get $mlp_shares of the learning rate. Without this the early blocks learn the answers, and a
logit lens has little to show. It is a choice of this recipe; do not expect every model to look like that.

## Facts

The answer is masked, one `[MASK]` for each of its pieces, and counts as right when the first choice at every mask is
right. *Seen*: training showed this sentence with this subject. *Held out*: training showed the subject and the
sentence, but never together (one combination in six). *New sentence*: training never showed the sentence. Every
possible question was asked; $one_piece of the answers are one piece.

$facts

## Agreement

How often the verb of the right number ("is" or "are") is the likelier one at the mask, where every noun between subject
and verb has the other number. *Held out*: training never shows the two nouns together; "key" and "cabinet" are such a
pair.

$agreement

## How an answer forms

Median rank of the answer among all $pieces pieces, read off after every layer with the logit lens (the head of the
model, with its dense layer and norm, applied to the layer's output at the mask), over $lens_prompts questions about
airports, capitals and languages.

$lens

## What decides an answer

How often integrated gradients give more to the subject of a fact than to all function words of the sentence together
(sums of absolute contributions, where the contribution of a token is signed and added up over the width). What is
explained is the probability of the answer at the mask; the baseline has the embedding of `[MASK]` in place of every
word and keeps `[CLS]` and `[SEP]`.

$contributions

## Neurons that belong together

The activations of all layers' neurons (after GELU, what is negative counts as zero) on the paragraph below,
$factor_tokens tokens, split into $factors_count factors by non-negative matrix factorization. For each factor: the
class of words that it finds best, each class given to one factor at most, and the average precision with which the
factor's activation finds it. A factor counts as nameable when that is at least 0.6 and at least twice what a random
order of the tokens gives. $nameable of $factors_count are.

> $paragraph

$factors

## Heads

The heads that look most at the token before, on the same paragraph (mean attention, counted from 0):

$head_scores

## Shipped prompts

The last column is the rank, after the embedding and after each layer, of the answer, or of the first choice where many
words fit.

$prompts

## Making it again

```shell
python -m ecco_reports.models.bundled.recipe masked --seed $seed
```

This writes the corpus, trains the model on it, and writes figures and card anew. On the same machine and with the same
versions, the same seed gives the same tokenizer and the same weights, byte for byte. It needs PyTorch 2.9 or later and
takes less than an hour on one CPU core.

## License

Same license as the project (MIT).
"""
)

_GROUPS: tuple[tuple[str, str], ...] = (
    ("seen", "Seen"),
    ("held_out", "Held out"),
    ("new_template", "New sentence"),
)


def render(evaluation: Record) -> str:
    """Write the card.

    Args:
        evaluation: Content of `evaluation.json`.

    Returns:
        The card, in Markdown.
    """
    return _CARD.substitute(
        _shape_values(evaluation) | _training_values(evaluation["training"]) | _measured_values(evaluation)
    )


def _shape_values(evaluation: Record) -> dict[str, str]:
    files, rounding = evaluation["files"], evaluation["training"]["float16"]
    return {name: f"{value:,}" for name, value in evaluation["shape"].items()} | {
        "weights_bytes": f"{files['model.safetensors']['bytes']:,}",
        "tokenizer_bytes": f"{files['tokenizer.json']['bytes']:,}",
        "logit_change": f"{rounding['largest_logit_change']:.4f}",
        "rounding_tokens": f"{rounding['tokens']:,}",
        "same_choice": percent(rounding["same_first_choice"], digits=2),
    }


def _training_values(training: Record) -> dict[str, str]:
    settings, versions = training["settings"], training["versions"]
    return {
        "steps": f"{settings['steps']:,}",
        "batch_tokens": f"{settings['batch_tokens']:,}",
        "mlp_shares": _shares(settings["mlp_shares"]),
        "seed": str(settings["seed"]),
        "cpu_seconds": f"{training['cpu_seconds']:,}",
        "loss": f"{training['loss'][-1][1]:.2f}",
        **versions,
    }


def _measured_values(evaluation: Record) -> dict[str, str]:
    lens, factors = evaluation["lens"], evaluation["factors"]
    groups = evaluation["facts"]["all"].values()
    asked, one_piece = (sum(group[key] for group in groups) for key in ("prompts", "one_piece"))
    return {
        "world": evaluation["world"],
        "one_piece": percent(one_piece / asked),
        "facts": _facts(evaluation["facts"]),
        "agreement": _agreement(evaluation["agreement"]),
        "lens_prompts": str(lens["prompts"]),
        "lens": _lens(lens),
        "contributions": _contributions(evaluation["contributions"]),
        "factor_tokens": str(factors["tokens"]),
        "factors_count": str(len(factors["factors"])),
        "nameable": str(factors["nameable"]),
        "paragraph": factors["text"],
        "factors": _factors(factors["factors"]),
        "head_scores": _heads(evaluation["heads"]["previous_token"]),
        "prompts": _prompts(evaluation["prompts"]),
    }


def _shares(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:g}" for share in shares)


def _named(name: str) -> str:
    return name if name != "all" else "**all**"


def _facts(facts: Record) -> str:
    rows = [(_named(name), *(counted(groups[group]) for group, _ in _GROUPS)) for name, groups in facts.items()]
    return table(("Relation", *(title for _, title in _GROUPS)), rows, "lrrr")


def _agreement(agreement: Record) -> str:
    rows = [(shape, counted(groups["seen"]), counted(groups["held_out"])) for shape, groups in agreement.items()]
    return table(("Subject", "Seen", "Held out"), rows, "lrr")


def _lens(lens: Record) -> str:
    rows = [
        ("embedding" if state == 0 else f"layer {state - 1}", f"{rank:g}", percent(share))
        for state, (rank, share) in enumerate(zip(lens["median_rank"], lens["first_choice_share"], strict=True))
    ]
    return table(("After", "Median rank", "First choice"), rows, "lrr")


def _contributions(contributions: Record) -> str:
    rows = [(_named(name), counted(figures)) for name, figures in contributions.items()]
    return table(("Relation", "The subject comes first"), rows, "lr")


def _factors(factors: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            factor["name"],
            f"{factor['precision']:.2f}",
            f"{factor['chance']:.2f}",
            "yes" if factor["is_nameable"] else "no",
            " ".join(code(token) for token in factor["tokens"]),
        )
        for factor in factors
    ]
    return table(("Class of words", "Average precision", "Chance", "Nameable", "Most active on"), rows, "lrrll")


def _heads(heads: Sequence[dict[str, Any]]) -> str:
    rows = [(str(head["layer"]), str(head["head"]), f"{head['score']:.2f}") for head in heads]
    return table(("Layer", "Head", "Mean attention"), rows, "rrr")


def _prompts(prompts: Sequence[dict[str, Any]]) -> str:
    rows = []
    for case in prompts:
        candidates = ", ".join(f"{code(each['piece'])} {percent(each['probability'])}" for each in case["candidates"])
        ranks = ", ".join(str(rank) for rank in case["rank_by_layer"])
        rows.append((code(case["prompt"]), candidates, f"{code(case['ranked'])} {ranks}"))
    return table(("Prompt", "First five choices", "Rank by layer"), rows, "lll")
