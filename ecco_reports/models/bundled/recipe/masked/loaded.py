"""The finished checkpoint, loaded the way its users load it, with the few questions that the evaluation asks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertForMaskedLM, PreTrainedTokenizerFast

from ecco_reports.models.bundled.recipe.inside import integrated_gradients
from ecco_reports.models.bundled.recipe.masked.batches import Row, rows
from ecco_reports.models.bundled.recipe.masked.corpus import Document
from ecco_reports.models.bundled.recipe.padding import Padded, pad

_BATCH = 64


class Answered(NamedTuple):
    """How the model fills one blank, measured against the right answer.

    Attributes:
        is_right: Whether the first choice at every masked place is the right piece.
        probability: Probability of the answer's first piece.
    """

    is_right: bool
    probability: float


class LoadedModel:
    """A masked model in float32 on the CPU, with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Load the checkpoint.

        Args:
            folder: Folder with weights and tokenizer.
        """
        self.model: BertForMaskedLM = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        ).eval()
        self.tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.mask = int(self.tokenizer.mask_token_id)

    def encode(self, text: str) -> list[int]:
        """Turn a text into token numbers.

        Args:
            text: Any text.

        Returns:
            Its token numbers, between those of `[CLS]` and `[SEP]`.
        """
        numbers: list[int] = self.tokenizer(text)["input_ids"]
        return numbers

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """Look up pieces.

        Args:
            tokens: Token numbers.

        Returns:
            The pieces as the vocabulary spells them.
        """
        found: list[str] = self.tokenizer.convert_ids_to_tokens(list(tokens))
        return found

    def number(self, piece: str) -> int:
        """Look up the number of a piece.

        Args:
            piece: A piece of the vocabulary.

        Returns:
            Its number.
        """
        return int(self.tokenizer.convert_tokens_to_ids(piece))

    def rows(self, documents: Sequence[Document]) -> list[Row]:
        """Turn documents into rows of tokens.

        Args:
            documents: Documents that fit into the model.

        Returns:
            One row per document.
        """
        return rows(self.tokenizer.backend_tokenizer, documents, int(self.model.config.max_position_embeddings))

    def asked(self, row: Row) -> list[int]:
        """Mask the answer of a row's first blank.

        Args:
            row: A row with a blank.

        Returns:
            Token numbers.
        """
        hidden = set(row.blanks[0][0])
        return [self.mask if place in hidden else token for place, token in enumerate(row.tokens)]

    @torch.no_grad()
    def logits(self, inputs: Padded) -> torch.Tensor:
        """Score every piece at every place.

        Args:
            inputs: Rows of tokens.

        Returns:
            Scores, (rows, length, pieces).
        """
        scores: torch.Tensor = self.model(input_ids=inputs.tokens, attention_mask=inputs.is_text).logits
        return scores

    def answers(self, questions: Sequence[Row]) -> Iterator[Answered]:
        """Fill the first blank of each row and compare with what stands there.

        Args:
            questions: Rows with a blank.

        Yields:
            One result per row, in order.
        """
        for first in range(0, len(questions), _BATCH):
            chunk = questions[first : first + _BATCH]
            scores = self.logits(pad([self.asked(row) for row in chunk], int(self.tokenizer.pad_token_id)))
            for row, table in zip(chunk, scores, strict=True):
                places = row.blanks[0][0]
                right = [row.tokens[place] for place in places]
                chance = float(table[places[0]].softmax(-1)[right[0]])
                yield Answered(table[places].argmax(-1).tolist() == right, chance)

    def chances(self, prompt: str) -> torch.Tensor:
        """Compute the probability of every piece at the mask of a prompt.

        Args:
            prompt: Text with one `[MASK]`.

        Returns:
            Probabilities, (pieces,).
        """
        tokens = self.encode(prompt)
        return self.logits(pad([tokens], 0))[0, tokens.index(self.mask)].softmax(-1)

    @torch.no_grad()
    def ranks_by_layer(self, tokens: Sequence[int], place: int, target: int) -> list[int]:
        """Read the rank of a piece off every layer, by the head that the last layer has.

        Args:
            tokens: Token numbers.
            place: Place to read at.
            target: Number of the piece.

        Returns:
            Its rank after the embedding and after every layer; 1 is the first choice.
        """
        states = self.model.bert(input_ids=torch.tensor([list(tokens)]), output_hidden_states=True).hidden_states
        scores = self.model.cls(torch.stack([state[0, place] for state in states]))
        ranks: list[int] = ((scores > scores[:, target : target + 1]).sum(-1) + 1).tolist()
        return ranks

    def contributions(self, tokens: Sequence[int], place: int, target: int, steps: int) -> torch.Tensor:
        """Attribute the probability of a piece to the tokens around it, by integrated gradients.

        The baseline has `[MASK]` in place of every word, which is how this model is told that it knows nothing of one;
        `[CLS]` and `[SEP]` stay.

        Args:
            tokens: Token numbers.
            place: Place of the mask.
            target: Number of the piece.
            steps: Points on the path.

        Returns:
            Contributions, added up over the width, (position,).
        """
        numbers = torch.tensor(list(tokens))
        embed = self.model.bert.embeddings.word_embeddings
        is_special = torch.isin(numbers, torch.tensor(self.tokenizer.all_special_ids))
        inputs = embed(numbers).detach()
        baseline = embed(torch.where(is_special, numbers, self.mask)).detach()

        def score(points: torch.Tensor) -> torch.Tensor:
            states = self.model.bert(inputs_embeds=points).last_hidden_state
            chances: torch.Tensor = self.model.cls(states[:, place]).softmax(-1)
            return chances[:, target]

        return integrated_gradients(score, inputs, baseline, steps).sum(-1)

    @torch.no_grad()
    def activations(self, text: str) -> npt.NDArray[np.float32]:
        """Record the neurons of all layers: what each MLP hands to its second matrix.

        Args:
            text: Any text.

        Returns:
            Activations after GELU, layer after layer, (neuron, token).
        """
        found: list[torch.Tensor] = []
        hooks = [
            block.output.dense.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0][0]))
            for block in self.model.bert.encoder.layer
        ]
        try:
            self.model.bert(input_ids=torch.tensor([self.encode(text)]))
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat(found, dim=1).T.numpy()

    @torch.no_grad()
    def attentions(self, text: str) -> torch.Tensor:
        """Record where every head looks.

        Args:
            text: Any text.

        Returns:
            Attention weights, (layer, head, query, key).
        """
        found = self.model.bert(input_ids=torch.tensor([self.encode(text)]), output_attentions=True).attentions
        return torch.cat(found)
