"""Shape of the masked model, length of its training, and the untrained model."""

from dataclasses import dataclass, field

from transformers import BertForMaskedLM

from ecco_reports.models.bundled.recipe.bert import EncoderShape, start_positions_as_waves


@dataclass(frozen=True)
class Settings:
    """Shape of the model and length of its training.

    Attributes:
        seed: Seed of the corpus, the first weights and the order of the batches.
        steps: Number of optimizer steps.
        short_steps: For so many steps at first, a row is a single sentence.
        pieces: Size of the vocabulary at most.
        tokenizer_documents: Number of documents that the vocabulary is chosen from.
        encoder: Shape of the encoder.
        batch_tokens: Tokens of a batch at most, padding included.
        hidden_rate: Peak learning rate of the matrices inside the blocks.
        mlp_shares: What share of it the MLP of each block gets. The first blocks learn slowly, so that facts settle in
            the later ones: a logit lens of a model whose first block knows everything has nothing to show.
        other_rate: Peak learning rate of embeddings, biases and norms.
        weight_decay: Weight decay of the matrices inside the blocks.
    """

    seed: int = 0
    steps: int = 3000
    short_steps: int = 600
    pieces: int = 3072
    tokenizer_documents: int = 30_000
    encoder: EncoderShape = field(default=EncoderShape(layers=6, width=96, heads=4, inner_width=384, positions=256))
    batch_tokens: int = 1536
    hidden_rate: float = 5e-3
    mlp_shares: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 1.0, 1.0)
    other_rate: float = 3e-3
    weight_decay: float = 0.05


def new_model(settings: Settings, pieces: int, padding: int) -> BertForMaskedLM:
    """Make an untrained model.

    Args:
        settings: Shape of the model.
        pieces: Size of the vocabulary.
        padding: Number of the padding token.

    Returns:
        The model, in training mode.
    """
    model = BertForMaskedLM(settings.encoder.config(pieces, padding))
    start_positions_as_waves(model.bert)
    model.train()
    return model
