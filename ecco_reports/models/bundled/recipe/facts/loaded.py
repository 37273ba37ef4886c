"""The finished checkpoint, loaded the way its users load it, with the few questions that the evaluation asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase

_BATCH = 64


@dataclass(frozen=True)
class Answered:
    """How the model completes one prompt, measured against the right answer.

    Attributes:
        is_right: Whether greedy decoding writes the whole answer.
        probability: Probability of the answer's first token.
    """

    is_right: bool
    probability: float


class LoadedModel:
    """A causal model in float32 on the CPU, with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        """Load the checkpoint.

        Args:
            folder: Folder with weights and tokenizer.
        """
        self.model: GPT2LMHeadModel = GPT2LMHeadModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        ).eval()
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(self, text: str) -> list[int]:
        """Turn a text into token numbers.

        Args:
            text: Any text.

        Returns:
            Its token numbers.
        """
        numbers: list[int] = self.tokenizer(text)["input_ids"]
        return numbers

    def decode(self, tokens: Sequence[int]) -> str:
        """Turn token numbers back into text.

        Args:
            tokens: Token numbers.

        Returns:
            The text.
        """
        return str(self.tokenizer.decode(list(tokens)))

    @torch.no_grad()
    def logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Score every next token.

        Args:
            tokens: Token numbers, (rows, length).

        Returns:
            Scores, (rows, length, pieces).
        """
        scores: torch.Tensor = self.model(input_ids=tokens, use_cache=False).logits
        return scores

    def probabilities(self, prompt: str) -> torch.Tensor:
        """Compute the probability of every next token.

        Args:
            prompt: Text to continue.

        Returns:
            Probabilities, (pieces,).
        """
        return self.logits(torch.tensor([self.encode(prompt)]))[0, -1].softmax(-1)

    def answers(self, questions: Sequence[tuple[str, str]]) -> Iterator[Answered]:
        """Complete prompts and compare with the right answers.

        Args:
            questions: Prompts, and answers that begin with a space.

        Yields:
            One result per question, in order.
        """
        encoded = [(self.encode(prompt), self.encode(answer)) for prompt, answer in questions]
        for first in range(0, len(encoded), _BATCH):
            chunk = encoded[first : first + _BATCH]
            width = max(len(prompt) + len(answer) for prompt, answer in chunk)
            rows = torch.tensor(
                [prompt + answer + [0] * (width - len(prompt) - len(answer)) for prompt, answer in chunk]
            )
            for logits, (prompt, answer) in zip(self.logits(rows), chunk, strict=True):
                scores = logits[len(prompt) - 1 : len(prompt) - 1 + len(answer)]
                is_right = scores.argmax(-1).tolist() == answer
                yield Answered(is_right, float(scores[0].softmax(-1)[answer[0]]))

    @torch.no_grad()
    def attentions(self, tokens: torch.Tensor) -> torch.Tensor:
        """Record the attention weights, averaged over texts.

        Args:
            tokens: Token numbers, (rows, length).

        Returns:
            Mean weights, (layer, head, query, key).
        """
        self.model.set_attn_implementation("eager")  # the fused one does not hand out its weights
        weights = self.model(input_ids=tokens, use_cache=False, output_attentions=True).attentions
        self.model.set_attn_implementation("sdpa")
        return torch.stack([layer.mean(0) for layer in weights])

    def greedy(self, prompt: str, count: int) -> list[int]:
        """Continue a prompt with the likeliest tokens.

        Args:
            prompt: Text to continue.
            count: Number of tokens.

        Returns:
            The new tokens.
        """
        tokens = torch.tensor([self.encode(prompt)])
        start = tokens.shape[1]
        for _ in range(count):
            tokens = torch.cat((tokens, self.logits(tokens)[:, -1:].argmax(-1)), dim=1)
        return [int(token) for token in tokens[0, start:]]

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> list[int]:
        """Continue a prompt with tokens drawn at random.

        Args:
            prompt: Text to continue.
            count: Number of tokens.
            temperature: Divisor of the scores; lower draws likelier tokens.
            seed: Seed of the draw.

        Returns:
            The new tokens.
        """
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.tensor([self.encode(prompt)])
        start = tokens.shape[1]
        for _ in range(count):
            chances = (self.logits(tokens)[0, -1] / temperature).softmax(-1)
            tokens = torch.cat((tokens, torch.multinomial(chances, 1, generator=generator)[None]), dim=1)
        return [int(token) for token in tokens[0, start:]]

    @torch.no_grad()
    def ranks_by_layer(self, prompt: str, target: int) -> list[int]:
        """Read the rank of a token off every layer, as the logit lens does.

        Args:
            prompt: Text to continue.
            target: Number of the token.

        Returns:
            Its rank after the embedding and after every layer; 1 is the first choice.
        """
        states = self.model(
            input_ids=torch.tensor([self.encode(prompt)]), use_cache=False, output_hidden_states=True
        ).hidden_states
        ranks = []
        for state in (*(self.model.transformer.ln_f(state) for state in states[:-1]), states[-1]):
            scores = self.model.lm_head(state[0, -1])
            ranks.append(int((scores > scores[target]).sum()) + 1)
        return ranks
