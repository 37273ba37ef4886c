"""The finished checkpoint, loaded the way its users load it, with the questions that the evaluation asks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerBase, T5ForConditionalGeneration

from ecco_reports.models.bundled.recipe.optimization import IGNORED
from ecco_reports.models.bundled.recipe.sentiment.batches import encode
from ecco_reports.models.bundled.recipe.sentiment.corpus import Example

_BATCH = 64


class Answered(NamedTuple):
    """How the model answers one input, measured against the right answer.

    Attributes:
        is_right: Whether greedy decoding writes the whole answer and ends it there.
        probability: Probability of the answer's first token.
    """

    is_right: bool
    probability: float


class Layer(NamedTuple):
    """What one layer of the decoder says about the first token of an answer.

    Attributes:
        rank: Rank of the token; 1 is the first choice.
        probability: Its probability.
    """

    rank: int
    probability: float


class LoadedModel:
    """A text-to-text model in float32 on the CPU, with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Load the checkpoint.

        Args:
            folder: Folder with weights and tokenizer.
        """
        self.model: T5ForConditionalGeneration = AutoModelForSeq2SeqLM.from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation="eager",  # the only one that shows its weights
            local_files_only=True,
        ).eval()
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(self, text: str) -> list[int]:
        """Turn a text into token numbers.

        Args:
            text: Any text.

        Returns:
            Its token numbers, with the end of the text.
        """
        numbers: list[int] = self.tokenizer(text)["input_ids"]
        return numbers

    def first_token(self, answer: str) -> int:
        """Look up the first token of an answer.

        Args:
            answer: The answer.

        Returns:
            Its number.
        """
        return self.encode(answer)[0]

    @torch.no_grad()
    def answers(self, examples: Sequence[Example]) -> Iterator[Answered]:
        """Answer inputs and compare with the right answers.

        Args:
            examples: Inputs and right answers.

        Yields:
            One result per example, in order.
        """
        for first in range(0, len(examples), _BATCH):
            tokens, mask, labels, _ = encode(self.tokenizer, list(examples[first : first + _BATCH]))
            logits = self.model(
                input_ids=tokens,
                attention_mask=mask,
                decoder_input_ids=self.model.prepare_decoder_input_ids_from_labels(labels),
                use_cache=False,
            ).logits
            # Greedy decoding writes the answer if every right token is the first choice after the right ones before it.
            is_right = ((logits.argmax(-1) == labels) | (labels == IGNORED)).all(1)
            chances = logits[:, 0].softmax(-1).gather(1, labels[:, :1])[:, 0]
            for right, chance in zip(is_right.tolist(), chances.tolist(), strict=True):
                yield Answered(bool(right), float(chance))

    def greedy(self, source: str) -> str:
        """Answer an input with the likeliest tokens.

        Args:
            source: The input.

        Returns:
            The answer.
        """
        tokens = torch.tensor([self.encode(source)])
        written = self.model.generate(input_ids=tokens, max_new_tokens=8, do_sample=False, num_beams=1)
        return str(self.tokenizer.decode(written[0], skip_special_tokens=True))

    @torch.no_grad()
    def layers(self, example: Example) -> list[Layer]:
        """Read the first token of the right answer off every layer of the decoder, as the logit lens does.

        Args:
            example: Input and right answer.

        Returns:
            One entry for the embedding and one for every layer.
        """
        states = self.model(
            input_ids=torch.tensor([self.encode(example.source)]),
            decoder_input_ids=torch.tensor([[self.model.config.decoder_start_token_id]]),
            use_cache=False,
            output_hidden_states=True,
        ).decoder_hidden_states
        target, layers = self.first_token(example.target), []
        for state in (*(self.model.decoder.final_layer_norm(state) for state in states[:-1]), states[-1]):
            scores = self.model.lm_head(state[0, -1] * self.model.config.d_model**-0.5)
            rank = int((scores > scores[target]).sum()) + 1
            layers.append(Layer(rank, float(scores.softmax(-1)[target])))
        return layers
