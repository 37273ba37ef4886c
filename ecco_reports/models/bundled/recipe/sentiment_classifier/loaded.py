"""The finished checkpoint, loaded the way its users load it, with the few questions that the evaluation asks."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from ecco_reports.models.bundled.recipe.inside import integrated_gradients
from ecco_reports.models.bundled.recipe.padding import pad

_BATCH = 128


class LoadedModel:
    """A classifier in float32 on the CPU, with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Load the checkpoint.

        Args:
            folder: Folder with weights and tokenizer.
        """
        self.model: BertForSequenceClassification = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        ).eval()
        self.tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    @torch.no_grad()
    def chances(self, texts: Sequence[str]) -> torch.Tensor:
        """Compute the probability of every label.

        Args:
            texts: Reviews.

        Returns:
            Probabilities, (texts, labels).
        """
        encoded: list[list[int]] = self.tokenizer(list(texts))["input_ids"]
        found = []
        for first in range(0, len(encoded), _BATCH):
            inputs = pad(encoded[first : first + _BATCH], int(self.tokenizer.pad_token_id))
            found.append(self.model(input_ids=inputs.tokens, attention_mask=inputs.is_text).logits.softmax(-1))
        return torch.cat(found)

    def labels(self, texts: Sequence[str]) -> list[str]:
        """Choose the likeliest label.

        Args:
            texts: Reviews.

        Returns:
            One label per review.
        """
        return [self.model.config.id2label[number] for number in self.chances(texts).argmax(-1).tolist()]

    def contributions(self, text: str, label: int, steps: int) -> torch.Tensor:
        """Attribute the probability of a label to the tokens, by integrated gradients.

        The baseline has `[MASK]` in place of every word, which is how this model is told that it knows nothing of one;
        `[CLS]` and `[SEP]` stay.

        Args:
            text: A review.
            label: Number of the label.
            steps: Points on the path.

        Returns:
            Contributions, added up over the width, (position,).
        """
        numbers = torch.tensor(self.tokenizer(text)["input_ids"])
        embed = self.model.bert.embeddings.word_embeddings
        is_special = torch.isin(numbers, torch.tensor(self.tokenizer.all_special_ids))
        baseline = torch.where(is_special, numbers, int(self.tokenizer.mask_token_id))

        def score(points: torch.Tensor) -> torch.Tensor:
            chances: torch.Tensor = self.model(inputs_embeds=points).logits.softmax(-1)
            return chances[:, label]

        return integrated_gradients(score, embed(numbers).detach(), embed(baseline).detach(), steps).sum(-1)
