"""The model card, written from `evaluation.json` alone so that it cannot say what was not measured."""

from collections.abc import Sequence
from string import Template
from typing import Any

from ecco_reports.models.bundled.recipe.card import code, counted, percent, table

_CARD = Template(
    """\
# The bundled model `facts`

A toy language model that ships with the package, so that every example and every test runs without a download. It
has a standard architecture (`GPT2LMHeadModel`) and was trained on generated sentences. It is made for demonstration
and for tests, and for nothing else.

**What it knows** is exactly what the tables in `ecco_reports/models/bundled/recipe/text/world.py` say: $world.
Outside these tables its answers mean nothing, and inside them some are wrong, as the figures below show.

**Its bias** is built in: in the training text doctors, pilots and judges are men four times out of five, and nurses,
dancers and teachers women, so that a report can show where a model keeps such a thing. Nothing follows from it about
people.

**What explanations of it show** is how this model works. They say nothing about other models: it is thousands of
times smaller than a usual language model, and its text has been written by a program.

## Shape

| Layers | Width | Heads | Positions | Vocabulary | Parameters |
|---:|---:|---:|---:|---:|---:|
| $layers | $width | $heads | $positions | $pieces | $parameters |

The vocabulary is byte-level; Japanese and emoji split into single bytes or pieces of a character. The weights are
stored as float16 ($weights_bytes bytes) and the tokenizer as JSON ($tokenizer_bytes bytes). Rounding the weights to
float16 changed no logit by more than $logit_change on $rounding_tokens tokens, and kept the first choice at
$same_choice of the positions.

$single_tokens

## Training

First the model learns to copy: $copying_steps steps on random tokens that repeat themselves, with nothing but the
attention of blocks 0 to $last_copying_block. It starts with two heads that look at the token before, and with others
that look for tokens like the current one. That they join into induction heads is learned; from the usual first weights
it did not happen within the time of this recipe. The loss fell to $copying_loss nats per token that can be foreseen.

Then it learns to read: $steps steps of $rows × $row_length tokens ($tokens tokens in all), $repeated_share of the rows
random tokens that repeat themselves. Muon trains the matrices, AdamW the rest and the attention that copies. The loss
at the end was $loss nats per token. In all $cpu_seconds CPU seconds on one thread, seed $seed,
Python $python, PyTorch $torch, Transformers $transformers.

The MLPs of the first blocks learn more slowly than the others, so that facts settle in the later ones: block by block,
$mlp_shares of the learning rate. Without this the first block learns most of the answers, and
a logit lens has little to show. It is a choice of this recipe; do not expect every model to look like that.

## Facts

A prompt is answered right when greedy decoding writes the whole answer. *Seen*: training showed this sentence with
this subject. *Held out*: training showed the subject and the sentence, but never together (one combination in six).
*New sentence*: training never showed the sentence. Every possible prompt was asked.

$facts

## Agreement

How often the verb of the right number ("is" or "are") is the likelier one, where every noun between subject and verb
has the other number. *Held out*: training never shows the two nouns together; "key" and "cabinet" are such a pair.

$agreement

## Lists and repetition

The list of the members of the European Union, begun with three of them, is continued without a mistake for
$list_right of $list_tokens tokens:

```text
$list_text
```

Induction: a random sequence is shown twice. How is its second half predicted, from its second token on?

$repetition

## How an answer forms

Median rank of the answer among all $pieces pieces, read off after every layer with the logit lens, over $lens_prompts
prompts about airports, capitals and languages.

$lens

## What an answer rests on

Integrated gradients over $explained_prompts prompts about facts of all kinds, from a text of separators (the token
between two documents) or from embeddings of zeros to the prompt. *Per token*: a token of the entity (such as
"Heathrow") contributes more than a function word, in the mean of absolute contributions. *Any*: its strongest token
contributes more than any single function word. *All*: its tokens together contribute more than all function words
together. Function words are half of a prompt, and they say which kind of answer is asked for, so this is the hardest.

$entity_first

## Heads

Mean attention over $sequences random sequences of $period tokens, each shown twice. *Induction*: attention to the token
that followed the same token last time. *Previous token*: attention to the token just before.

$head_roles

## Shipped prompts

A space is written as `␣` where it begins or ends a text.

$prompts

Free continuation, to be read as text: until the model ends it, $text_tokens tokens at most. The last column lists
words that the training text does not have.

$texts

## Making it again

```shell
python -m ecco_reports.models.bundled.recipe facts --seed $seed
```

This writes the corpus, trains tokenizer and model on it, and writes figures and card anew. On the same machine and
with the same versions, the same seed gives the same tokenizer and the same weights, byte for byte. It needs PyTorch
2.9 or later and takes less than an hour on two CPU cores.

## License

Same license as the project (MIT).
"""
)

_GROUPS: tuple[tuple[str, str], ...] = (
    ("seen", "Seen"),
    ("held_out", "Held out"),
    ("new_template", "New sentence"),
)


def render(evaluation: dict[str, Any]) -> str:
    """Write the card.

    Args:
        evaluation: Content of `evaluation.json`.

    Returns:
        The card, in Markdown.
    """
    return _CARD.substitute(
        _shape_values(evaluation) | _training_values(evaluation["training"]) | _measured_values(evaluation)
    )


def _shape_values(evaluation: dict[str, Any]) -> dict[str, str]:
    files, rounding = evaluation["files"], evaluation["training"]["float16"]
    return {name: f"{value:,}" for name, value in evaluation["shape"].items()} | {
        "weights_bytes": f"{files['model.safetensors']['bytes']:,}",
        "tokenizer_bytes": f"{files['tokenizer.json']['bytes']:,}",
        "logit_change": f"{rounding['largest_logit_change']:.4f}",
        "rounding_tokens": f"{rounding['tokens']:,}",
        "same_choice": percent(rounding["same_first_choice"], digits=2),
        "single_tokens": _single_tokens(evaluation["single_tokens"]),
    }


def _training_values(training: dict[str, Any]) -> dict[str, str]:
    settings, versions = training["settings"], training["versions"]
    return {
        "steps": f"{settings['steps']:,}",
        "rows": str(settings["rows"]),
        "copying_steps": f"{settings['copying_steps']:,}",
        "copying_loss": f"{training['copying_loss'][-1][1]:.2f}",
        "last_copying_block": str(settings["copying_blocks"] - 1),
        "repeated_share": percent(settings["repeated_share"], digits=0),
        "mlp_shares": _shares(settings["mlp_shares"]),
        "row_length": str(settings["row_length"]),
        "seed": str(settings["seed"]),
        "tokens": f"{training['tokens']:,}",
        "cpu_seconds": f"{training['cpu_seconds']:,}",
        "loss": f"{training['loss'][-1][1]:.2f}",
        **versions,
    }


def _measured_values(evaluation: dict[str, Any]) -> dict[str, str]:
    union, lens = evaluation["union_list"], evaluation["lens"]
    return {
        "world": evaluation["world"],
        "facts": _facts(evaluation["facts"]),
        "agreement": _agreement(evaluation["agreement"]),
        "list_right": str(union["right_tokens"]),
        "list_tokens": str(union["tokens"]),
        "list_text": f"4.{union['text']}",
        "repetition": _repetition(evaluation["repetition"]),
        "explained_prompts": str(evaluation["entity_first"]["prompts"]),
        "entity_first": _entity_first(evaluation["entity_first"]),
        "sequences": str(evaluation["heads"]["sequences"]),
        "period": str(evaluation["heads"]["period"]),
        "head_roles": _heads(evaluation["heads"]),
        "text_tokens": str(max(text["tokens"] for text in evaluation["texts"])),
        "lens_prompts": str(lens["prompts"]),
        "lens": _lens(lens),
        "prompts": _prompts(evaluation["prompts"]),
        "texts": _texts(evaluation["texts"]),
    }


def _facts(facts: dict[str, Any]) -> str:
    rows = [
        (name if name != "all" else "**all**", *(counted(groups[group]) for group, _ in _GROUPS))
        for name, groups in facts.items()
    ]
    return table(("Relation", *(title for _, title in _GROUPS)), rows, "lrrr")


def _agreement(agreement: dict[str, Any]) -> str:
    rows = [(shape, counted(groups["seen"]), counted(groups["held_out"])) for shape, groups in agreement.items()]
    return table(("Subject", "Seen", "Held out"), rows, "lrr")


def _shares(shares: list[float]) -> str:
    return ", ".join(f"{share:g}" for share in shares)


def _lens(lens: dict[str, Any]) -> str:
    rows = [
        ("embedding" if state == 0 else f"layer {state - 1}", f"{rank:g}", percent(share))
        for state, (rank, share) in enumerate(zip(lens["median_rank"], lens["first_choice_share"], strict=True))
    ]
    return table(("After", "Median rank", "First choice"), rows, "lrr")


def _repetition(repetition: dict[str, Any]) -> str:
    rows = [
        (name.replace("_", " "), percent(figures["share"]), f"{figures['mean_probability']:.3f}")
        for name, figures in repetition.items()
    ]
    return table(("Made of", "First choice is right", "Mean probability of the right token"), rows, "lrr")


def _entity_first(entity_first: dict[str, Any]) -> str:
    rows = [
        (score, baseline, *(percent(figures[name]) for name in ("per_token", "more_than_any", "more_than_all")))
        for baseline, scores in entity_first.items()
        if baseline != "prompts"
        for score, figures in scores.items()
    ]
    return table(("What is explained", "Baseline", "Per token", "Any", "All"), rows, "llrrr")


def _heads(heads: dict[str, Any]) -> str:
    rows = [
        (title, ", ".join(f"{head['layer']}.{head['head']} ({head['score']:.2f})" for head in heads[role]))
        for role, title in (("induction", "Induction"), ("previous_token", "Previous token"))
    ]
    return table(("Role", "Best heads, as layer.head (score)"), rows, "ll")


def _prompts(prompts: Sequence[dict[str, Any]]) -> str:
    rows = []
    for case in prompts:
        rival = f"{code(case['rival'])} {percent(case['rival_probability'])}" if "rival" in case else ""
        ranks = ", ".join(str(rank) for rank in case["rank_by_layer"])
        answer = f"{code(case['answer'])} {percent(case['probability'])}"
        rows.append((code(case["prompt"]), answer, rival, ranks))
    return table(("Prompt", "Answer", "Rival", "Rank of the answer after each layer"), rows, "llll")


def _texts(texts: Sequence[dict[str, Any]]) -> str:
    rows = []
    for case in texts:
        how = "greedy" if case["decoding"] == "greedy" else f"temperature {case['temperature']}, seed {case['seed']}"
        rows.append((code(case["prompt"]), how, code(case["text"]), ", ".join(case["unknown_words"]) or "none"))
    return table(("Prompt", "Decoding", "Text", "Unknown words"), rows, "llll")


def _single_tokens(groups: dict[str, Any]) -> str:
    parts = []
    for title, figures in groups.items():
        split = f" (not {', '.join(figures['split'])})" if 0 < len(figures["split"]) <= 8 else ""
        parts.append((title, f"{figures['one_token']} of {figures['words']}{split}"))
    return table(("Words, after a space", "One token"), parts, "ll")
