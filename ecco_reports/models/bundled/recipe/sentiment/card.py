"""The model card, written from `evaluation.json` alone so that it cannot say what was not measured."""

from collections.abc import Sequence
from string import Template
from typing import Any

from ecco_reports.models.bundled.recipe.card import code, counted, percent, table

_CARD = Template(
    """\
# The bundled model `sentiment`

A toy text-to-text model that ships with the package, so that every example and every test runs without a download. It
has a standard architecture (`T5ForConditionalGeneration`) and was trained on generated sentences. It is made for
demonstration and for tests, and for nothing else.

**What it knows** is exactly what the tables in `ecco_reports/models/bundled/recipe/text/` say (`opinions.py`,
`verdicts.py`, `scenes.py`, `acceptability.py`): $world. Outside these tables its answers mean nothing,
and inside them some are wrong, as the figures below show.

**What explanations of it show** is how this model works. They say nothing about other models: it is thousands of
times smaller than a usual language model, and its text has been written by a program.

## What it is asked

| Prompt | Answer |
|---|---|
| `sst2 sentence: The film is not bad at all.` | `positive` or `negative` |
| `question: Who bought the lamp? context: Anna went to the kitchen. Tom bought the lamp.` | one word of the passage |
| `cola sentence: The keys to the cabinet is old.` | `acceptable` or `unacceptable` |

Every answer is one token and the token that ends it. What is only conceded ("The music is lovely, but ...") or only
expected does not count for the sentiment; what is negated counts as its opposite. In this world a weakness for a genre
is a fault, and an inclination a virtue. `<extra_id_0>` in a sentence stands for a missing word.

## Shape

| Encoder layers | Decoder layers | Width | Heads | Vocabulary | Parameters |
|---:|---:|---:|---:|---:|---:|
| $encoder_layers | $decoder_layers | $width | $heads | $pieces | $parameters |

The vocabulary is a Unigram model, with `▁` before the first piece of a word; $one_token of the $words words of the
tables are one piece. The weights are stored as float16 ($weights_bytes bytes) and the tokenizer as JSON
($tokenizer_bytes bytes). Rounding the weights to float16 changed no logit by more than $logit_change on
$rounding_tokens tokens of answers, and kept the first choice at $same_choice of the positions.

## Training

$steps steps with Muon and AdamW, each of $reviews reviews, $judged sentences to judge, $gapped sentences with a gap,
and passages of $passage_sentences sentences in all. One thread of a machine with device `$device`: $cpu_seconds CPU
seconds, seed $seed, Python $python, PyTorch $torch, Transformers $transformers. In the first $finding_steps steps the
encoder alone learns to find the sentence that answers a question. Up to $plain of the training, negations and
concessions come in little by little.
The loss at the end was $loss nats per token.

Block by block, the encoder gets $encoder_shares of the learning rate, and the decoder $decoder_shares, so that an
answer forms in its last layers. Half of the encoder's heads start by looking at other occurrences of the same word,
and a readout that is dropped afterwards learns to mark the sentence that holds the answer to a question. These are
choices of this recipe; do not expect every model to look like that.

## Sentiment

*Seen*: as in training. *Held out*: training showed the word and the sentence, but never together (one combination in
six). *New sentence*: training never showed the sentence. *One-word flips*: two held-out reviews that differ in one word
and say the opposite; both have to be right. *Written by hand*: reviews that no template made.

$sentiment

$hand_written

## Questions

An answer is right when greedy decoding writes exactly the right word. *Held out*: training never asked this question
with these words for this answer (one combination in six). Passages are written afresh.

$questions

In passages of three to five sentences: $full_held_out of the held-out questions, and $new_sentence if the sentence
with the answer has a form that training never shows. By kind of statement and what is asked for:

$kinds

## Grammar

How many sentences are judged right; half of them break the rule. *Held out*: training never shows the two content
words together.

$grammar

## Where answers come from

Integrated gradients along the embeddings of the encoder, from embeddings of zero and from padding. For a review, what
is explained is the logit of the right label minus that of the other; the deciding word, in negated reviews with its
negation, should get more than all function words together (reviews with one opinion). For a question it is the logit of
the answer; the sentence that holds it should get more than any other (passages of three to five sentences).

$gradients

By the attention of the decoder to the passage before it writes, as the mean over the heads, the right sentence gets
most in:

$attention

## How an answer forms

Median rank of the answer among all $pieces pieces, how often it is the first choice, and its median probability, read
off after every layer of the decoder with the logit lens, over $lens_prompts held-out prompts each.

$lens

## Shipped prompts

$prompts

## Making it again

```shell
python -m ecco_reports.models.bundled.recipe sentiment --seed $seed
```

This writes the corpus, trains tokenizer and model on it, and writes figures and card anew. On the same machine and
with the same versions, the same seed gives the same tokenizer and the same weights, byte for byte. It needs PyTorch
2.9 or later and takes less than an hour on two CPU cores.

## License

Same license as the project (MIT).
"""
)

_SENTIMENT_ROWS: tuple[tuple[str, str], ...] = (
    ("seen", "seen"),
    ("held_out", "held out"),
    ("negated_held_out", "held out, negated"),
    ("new_template", "new sentence"),
)


def render(evaluation: dict[str, Any]) -> str:
    """Write the card.

    Args:
        evaluation: Content of `evaluation.json`.

    Returns:
        The card, in Markdown.
    """
    return _CARD.substitute(
        _shape_values(evaluation)
        | _training_values(evaluation["training"])
        | _measured_values(evaluation)
        | _explained_values(evaluation)
    )


def _shape_values(evaluation: dict[str, Any]) -> dict[str, str]:
    files, rounding = evaluation["files"], evaluation["training"]["float16"]
    return {name: f"{value:,}" for name, value in evaluation["shape"].items()} | {
        "world": evaluation["world"],
        "weights_bytes": f"{files['model.safetensors']['bytes']:,}",
        "tokenizer_bytes": f"{files['tokenizer.json']['bytes']:,}",
        "logit_change": f"{rounding['largest_logit_change']:.4f}",
        "rounding_tokens": f"{rounding['tokens']:,}",
        "same_choice": percent(rounding["same_first_choice"], digits=2),
        "words": f"{evaluation['words']['words']:,}",
        "one_token": f"{evaluation['words']['one_token']:,}",
    }


def _training_values(training: dict[str, Any]) -> dict[str, str]:
    settings, versions = training["settings"], training["versions"]
    sizes = ("reviews", "judged", "gapped", "passage_sentences", "finding_steps", "seed")
    return {
        "steps": f"{settings['steps']:,}",
        **{name: str(settings[name]) for name in sizes},
        "plain": percent(settings["plain_reviews_until"], digits=0),
        "encoder_shares": _shares(settings["encoder_shares"]),
        "decoder_shares": _shares(settings["decoder_shares"]),
        "device": training["device"],
        "cpu_seconds": f"{training['cpu_seconds']:,}",
        "loss": f"{training['loss'][-1][1]:.3f}",
        **versions,
    }


def _measured_values(evaluation: dict[str, Any]) -> dict[str, str]:
    asked = evaluation["questions"]
    lengths = [
        (length, counted(groups["seen"]), counted(groups["held_out"])) for length, groups in asked["by_length"].items()
    ]
    rules = [
        (rule, counted(groups["seen"]), counted(groups["held_out"])) for rule, groups in evaluation["grammar"].items()
    ]
    kinds = [(kind, counted(figures)) for kind, figures in asked["by_kind"].items()]
    return {
        "sentiment": _sentiment(evaluation),
        "hand_written": _hand_written(evaluation["hand_written"]),
        "questions": table(("Sentences", "Seen", "Held out"), lengths, "lrr"),
        "full_held_out": counted(asked["held_out"]),
        "new_sentence": counted(asked["new_sentence"]),
        "kinds": table(("Kind", "Held out"), kinds, "lr"),
        "grammar": table(("Rule", "Seen", "Held out"), rules, "lrr"),
        "prompts": _prompts(evaluation["prompts"]),
    }


def _explained_values(evaluation: dict[str, Any]) -> dict[str, str]:
    lens, deciding, found = evaluation["lens"], evaluation["deciding_words"], evaluation["answering_sentences"]
    gradients = [
        (baseline, counted(figures["plain"]), counted(figures["negated"]), counted(answering))
        for (baseline, figures), answering in zip(deciding.items(), found["integrated_gradients"].values(), strict=True)
    ]
    attention = [(f"layer {layer}", counted(figures)) for layer, figures in enumerate(found["attention"])]
    return {
        "gradients": table(("From", "Plain reviews", "Negated reviews", "Questions"), gradients, "lrrr"),
        "attention": table(("Decoder", "Right sentence first"), attention, "lr"),
        "lens_prompts": str(lens["prompts"]),
        "lens": _lens(lens),
    }


def _sentiment(evaluation: dict[str, Any]) -> str:
    rows = [(title, counted(evaluation["sentiment"][name])) for name, title in _SENTIMENT_ROWS]
    rows.append(("one-word flips, pairs", counted(evaluation["flips"])))
    rows.append(("written by hand", counted(evaluation["hand_written"])))
    return table(("Reviews", "Right"), rows, "lr")


def _hand_written(figures: dict[str, Any]) -> str:
    if not figures["wrong"]:
        return "All of the reviews written by hand are answered right."
    return "Answered wrong of those written by hand:\n\n" + "\n".join(f"- {text}" for text in figures["wrong"])


def _shares(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:g}" for share in shares)


def _state(place: int) -> str:
    return "embedding" if place == 0 else f"layer {place - 1}"


def _lens(lens: dict[str, Any]) -> str:
    rows = [
        (name, _state(state), f"{rank:g}", percent(share), percent(chance))
        for name in lens
        if name != "prompts"
        for state, (rank, share, chance) in enumerate(
            zip(
                lens[name]["median_rank"],
                lens[name]["first_choice_share"],
                lens[name]["median_probability"],
                strict=True,
            )
        )
    ]
    return table(("Prompts", "After", "Median rank", "First choice", "Median probability"), rows, "llrrr")


def _prompts(prompts: Sequence[dict[str, Any]]) -> str:
    rows = []
    for case in prompts:
        layers = ", ".join(
            f"{rank} ({percent(chance)})"
            for rank, chance in zip(case["rank_by_layer"], case["probability_by_layer"], strict=True)
        )
        answer = f"{code(case['answer'])} {percent(case['probability'])}"
        rows.append((code(case["prompt"]), answer, code(case["written"]), layers))
    head = ("Prompt", "Right answer", "Written", "Rank and probability, from the embedding to the last layer")
    return table(head, rows, "llll")
