"""The model card, written from `evaluation.json` alone so that it cannot say what was not measured."""

from string import Template

from ecco_reports.models.bundled.recipe.card import code, counted, percent, table
from ecco_reports.models.bundled.recipe.checkpoint import Record

_CARD = Template(
    """\
# The bundled model `sentiment-classifier`

A toy classifier that ships with the package, so that every example and every test runs without a download. It has a
standard architecture (`BertForSequenceClassification`, labels `negative` and `positive`) and was trained on generated
sentences. It is made for demonstration and for tests, and for nothing else.

**What it knows** is exactly what the tables in `ecco_reports/models/bundled/recipe/text/` say (`opinions.py`,
`reviews.py`): words that praise or blame a film, and how a sentence can turn them around. Outside these tables its
answers mean nothing, and inside them some are wrong, as the figures below show.

**What explanations of it show** is how this model works. They say nothing about other models: it is thousands of times
smaller than a usual language model, and its text has been written by a program.

## Shape

| Layers | Width | Heads | Neurons per layer | Positions | Vocabulary | Parameters |
|---:|---:|---:|---:|---:|---:|---:|
| $layers | $width | $heads | $inner_width | $positions | $pieces | $parameters |

The tokenizer is a lower-case WordPiece. The weights are stored as float16 ($weights_bytes bytes) and the tokenizer as
JSON ($tokenizer_bytes bytes). Rounding the weights to float16 changed no logit by more than $logit_change on
$rounding_tokens examples, and kept the first choice in $same_choice of them.

## Training

$steps steps of up to $batch_tokens tokens with Muon and AdamW, on one thread of a CPU: $cpu_seconds CPU seconds, seed
$seed, Python $python, PyTorch $torch, Transformers $transformers. The loss at the end was $loss nats. Block by block,
the MLP gets $mlp_shares of the learning rate. In a quarter of the reviews words were masked at random, so that the
classifier knows what a missing word is.

## Sentiment

*Seen*: as in training. *Held out*: training showed the word and the sentence, but never together (one combination in
six). *New sentence*: training never showed the sentence. *One-word flips*: two held-out reviews that differ in one word
and say the opposite; both have to be right. *Written by hand*: reviews that no template made.

$sentiment

## What decides an answer

Integrated gradients of the label's probability, from `[MASK]` in place of every word, give more to the deciding word
than to all function words together in $deciding of the reviews with one opinion.

## Shipped prompts

$prompts

## Making it again

```shell
python -m ecco_reports.models.bundled.recipe sentiment-classifier --seed $seed
```

This writes the corpus, trains the model on it, and writes figures and card anew. On the same machine and with the same
versions, the same seed gives the same tokenizer and the same weights, byte for byte. It needs PyTorch 2.9 or later and
takes minutes on one CPU core.

## License

Same license as the project (MIT).
"""
)

_ROWS: tuple[tuple[str, str], ...] = (
    ("seen", "seen"),
    ("held_out", "held out"),
    ("held_out_negated", "held out, negated"),
    ("new_sentence", "new sentence"),
    ("flips", "one-word flips, pairs"),
    ("hand_written", "written by hand"),
)


def render(evaluation: Record) -> str:
    """Write the card.

    Args:
        evaluation: Content of `evaluation.json`.

    Returns:
        The card, in Markdown.
    """
    sentiment = [(title, counted(evaluation["sentiment"][name])) for name, title in _ROWS]
    prompts = [
        (code(case["prompt"]), f"{code(case['label'])} {percent(case['probability'])}")
        for case in evaluation["prompts"]
    ]
    files, training = evaluation["files"], evaluation["training"]
    settings, rounding = training["settings"], training["float16"]
    return _CARD.substitute(
        {name: f"{value:,}" for name, value in evaluation["shape"].items()},
        weights_bytes=f"{files['model.safetensors']['bytes']:,}",
        tokenizer_bytes=f"{files['tokenizer.json']['bytes']:,}",
        logit_change=f"{rounding['largest_logit_change']:.4f}",
        rounding_tokens=f"{rounding['tokens']:,}",
        same_choice=percent(rounding["same_first_choice"], digits=2),
        steps=f"{settings['steps']:,}",
        batch_tokens=f"{settings['batch_tokens']:,}",
        cpu_seconds=f"{training['cpu_seconds']:,}",
        seed=str(settings["seed"]),
        loss=f"{training['loss'][-1][1]:.3f}",
        mlp_shares=", ".join(f"{share:g}" for share in settings["mlp_shares"]),
        **training["versions"],
        sentiment=table(("Reviews", "Right"), sentiment, "lr"),
        deciding=counted(evaluation["deciding_words"]),
        prompts=table(("Review", "Right label"), prompts, "ll"),
    )
