"""What is inside a model of any architecture, found by running it and proven by identities.

``explore`` tries every handle on a short probe and returns those whose identity holds, as an ``Anatomy``: the blocks
(``blocks``), their attention (``attention``), their neurons (``neurons``) and what writes into the residual stream
(``writes``). ``record`` is the pass on the probe, with every module watched.
"""

from ecco_reports.models.anatomy.attention import AttentionMap, AttentionTap, AttentionTrace
from ecco_reports.models.anatomy.blocks import (
    BlockTrace,
    find_blocks,
    hidden_of,
    replaced_output,
    resumed,
    trace_blocks,
)
from ecco_reports.models.anatomy.exploration import Anatomy, explore
from ecco_reports.models.anatomy.neurons import NeuronTap, Projection
from ecco_reports.models.anatomy.record import Record, record
from ecco_reports.models.anatomy.writes import Writer, WriteTap

__all__ = [
    "Anatomy",
    "AttentionMap",
    "AttentionTap",
    "AttentionTrace",
    "BlockTrace",
    "NeuronTap",
    "Projection",
    "Record",
    "WriteTap",
    "Writer",
    "explore",
    "find_blocks",
    "hidden_of",
    "record",
    "replaced_output",
    "resumed",
    "trace_blocks",
]
