"""Models that classify a text, or answer by a span of it."""

from __future__ import annotations

from ecco_reports.records import Family
from tests.zoo.entry import Entry
from tests.zoo.settings import BART, BERT, DISTIL, GPT2

HEADS_OF_TASKS = (
    Entry(
        "BERT (classifier)",
        Family.CLASSIFICATION,
        "BertForSequenceClassification",
        "BertConfig",
        {**BERT, "num_labels": 3},
    ),
    Entry(
        "RoBERTa (classifier)",
        Family.CLASSIFICATION,
        "RobertaForSequenceClassification",
        "RobertaConfig",
        {**BERT, "pad_token_id": 1, "num_labels": 3},
    ),
    Entry(
        "DistilBERT (classifier)",
        Family.CLASSIFICATION,
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        {**DISTIL, "num_labels": 3},
    ),
    Entry(
        "GPT-2 (classifier)",
        Family.CLASSIFICATION,
        "GPT2ForSequenceClassification",
        "GPT2Config",
        {**GPT2, "num_labels": 3},
    ),
    Entry(
        "BART (classifier)",
        Family.CLASSIFICATION,
        "BartForSequenceClassification",
        "BartConfig",
        {**BART, "num_labels": 3},
    ),
    Entry("BERT (answers by a span)", Family.QUESTION_ANSWERING, "BertForQuestionAnswering", "BertConfig", BERT),
    Entry(
        "DistilBERT (answers by a span)",
        Family.QUESTION_ANSWERING,
        "DistilBertForQuestionAnswering",
        "DistilBertConfig",
        DISTIL,
    ),
    Entry(
        "RoBERTa (answers by a span)",
        Family.QUESTION_ANSWERING,
        "RobertaForQuestionAnswering",
        "RobertaConfig",
        {**BERT, "pad_token_id": 1},
    ),
)
