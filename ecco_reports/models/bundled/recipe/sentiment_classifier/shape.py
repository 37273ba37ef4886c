"""Shape of the classifier, length of its training, and the untrained model."""

from dataclasses import dataclass, field

from transformers import BertForSequenceClassification

from ecco_reports.models.bundled.recipe.bert import EncoderShape, start_positions_as_waves

NEGATIVE, POSITIVE = "negative", "positive"
"""Names of the labels."""

LABELS: tuple[str, ...] = (NEGATIVE, POSITIVE)
"""The labels in the order of their numbers."""


@dataclass(frozen=True)
class Settings:
    """Shape of the model and length of its training.

    Attributes:
        seed: Seed of the corpus, the first weights and the order of the batches.
        steps: Number of optimizer steps.
        plain_steps: For so many steps at first, no opinion is negated or conceded.
        pieces: Size of the vocabulary at most.
        tokenizer_reviews: Number of reviews that the vocabulary is chosen from.
        encoder: Shape of the encoder.
        batch_tokens: Tokens of a batch at most, padding included.
        hidden_rate: Peak learning rate of the matrices inside the blocks.
        mlp_shares: What share of it the MLP of each block gets.
        other_rate: Peak learning rate of embeddings, biases and norms.
        weight_decay: Weight decay of the matrices inside the blocks.
    """

    seed: int = 0
    steps: int = 1600
    plain_steps: int = 400
    pieces: int = 2560
    tokenizer_reviews: int = 20_000
    encoder: EncoderShape = field(default=EncoderShape(layers=3, width=96, heads=4, inner_width=256, positions=128))
    batch_tokens: int = 1024
    hidden_rate: float = 5e-3
    mlp_shares: tuple[float, ...] = (0.1, 0.3, 1.0)
    other_rate: float = 3e-3
    weight_decay: float = 0.05


def new_model(settings: Settings, pieces: int, padding: int) -> BertForSequenceClassification:
    """Make an untrained classifier.

    Args:
        settings: Shape of the model.
        pieces: Size of the vocabulary.
        padding: Number of the padding token.

    Returns:
        The model, in training mode.
    """
    config = settings.encoder.config(pieces, padding)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: number for number, label in enumerate(LABELS)}
    model = BertForSequenceClassification(config)
    start_positions_as_waves(model.bert)
    model.train()
    return model
