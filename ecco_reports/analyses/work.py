"""What an analysis costs, said before anything runs.

In: how much text there is, and how large a model is, from its configuration. Out: passes and memory. Light: no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecco_reports.records import Family


@dataclass(frozen=True)
class Extent:
    """How large a task is, as far as it is known without loading the model.

    Attributes:
        family: What the model was made for, or None when unknown.
        read: Tokens it reads of the prompt; those of the encoder where there are two stacks.
        written: Tokens it says at most: those it writes or is made to write, the masks it fills in, 1 for a class,
            2 for the ends of an answer.
        words: Words of the prompt.
        layers: Number of blocks; of the decoder where there are two stacks.
        width: Width of the residual stream.
        heads: Attention heads in a block.
        neurons: Width of a block's MLP.
        outcomes: Size of the vocabulary, or number of classes.
        parameters: Number of weights.
        itemsize: Bytes of one number in the model's own type.
    """

    family: Family | None
    read: int
    written: int
    words: int
    layers: int | None = None
    width: int | None = None
    heads: int | None = None
    neurons: int | None = None
    outcomes: int | None = None
    parameters: int | None = None
    itemsize: int = 4

    @property
    def length(self) -> int:
        """Tokens of a pass over the whole text, at most."""
        writes = self.family in (Family.CAUSAL, Family.ENCODER_DECODER, None)
        return self.read + (self.written if writes else 0)


@dataclass(frozen=True)
class Work:
    """What an analysis costs beside the one pass over the text that all analyses of a prompt share.

    Attributes:
        passes: Forward passes over the text; a batch of eight texts counts eight.
        backwards: Backward passes, counted alike: one for each target and text.
        readouts: Texts that go through the head alone, as a logit lens makes one of every layer.
        memory: Bytes held at the peak beside the weights and the shared pass, or None where the size is unknown.
    """

    passes: float = 0
    backwards: float = 0
    readouts: float = 0
    memory: int | None = 0
