"""Tokenizers of every kind, made by hand or bundled."""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import RobertaProcessing, TemplateProcessing

from ecco_reports.resources import bundled_models


def bundled(name):
    return Tokenizer.from_file(str(bundled_models() / name / "tokenizer.json"))


def single_bytes():
    """Byte-level BPE without any merge: every token is one byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({char: number for number, char in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def trimmed_bytes(normalizer=None):
    """As RoBERTa's: byte-level, a space before the first word, and offsets that leave spaces out."""
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "ĠĠ"]
    backend = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, [("Ġ", "a"), ("Ġ", "Ġ")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True)])
    first, last = (backend.token_to_id(sign) for sign in ("<s>", "</s>"))
    backend.post_processor = RobertaProcessing(("</s>", last), ("<s>", first), trim_offsets=True)
    if normalizer:
        backend.normalizer = normalizer
    return backend


def sentence_pieces():
    """As Llama's: ``▁`` for spaces, and bytes in words for what the vocabulary lacks."""
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(set("▁Thecityof")), "s"]
    merges = []
    for word in ("▁The", "▁city", "▁of"):
        for end in range(2, len(word) + 1):
            vocabulary.append(word[:end])
            merges.append((word[: end - 1], word[end - 1]))
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    backend = Tokenizer(models.BPE(numbers, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens(["<s>", "</s>"])
    backend.post_processor = TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return backend


def folded_unigrams():
    """As ALBERT's: compatibility forms taken apart, accents stripped, lower case, double spaces made one."""
    pieces = ["▁", "a", "f", "i", "1", "▁a", "ix"]
    backend = Tokenizer(models.Unigram([("<unk>", 0.0), *((piece, -2.0) for piece in pieces)], 0))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return backend


def word_pieces():
    vocabulary = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cabin", "##et", "keys", "."]
    backend = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")
    backend.add_special_tokens(["[CLS]", "[SEP]", "[MASK]"])
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return backend


def word_ends():
    """As CLIP's: BPE whose pieces say where a word ends."""
    pieces = ["<unk>", "a", "b", "a</w>", "b</w>", "ab</w>"]
    numbers = {piece: number for number, piece in enumerate(pieces)}
    backend = Tokenizer(models.BPE(numbers, [("a", "b</w>")], unk_token="<unk>", end_of_word_suffix="</w>"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.BPEDecoder()
    return backend


def _known(pre_tokenizer, decoder=None):
    backend = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "Heathrow": 2}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizer
    if decoder:
        backend.decoder = decoder
    return backend


KINDS = {
    "byte-level": lambda: bundled("facts"),
    "WordPiece": lambda: bundled("masked"),
    "Unigram": lambda: bundled("sentiment"),
    "single bytes": single_bytes,
    "byte-level with trimmed offsets": trimmed_bytes,
    "byte-level after NFC": lambda: trimmed_bytes(normalizers.NFC()),
    "byte-level after NFKC": lambda: trimmed_bytes(normalizers.NFKC()),
    "SentencePiece BPE with byte fallback": sentence_pieces,
    "folded Unigram": folded_unigrams,
    "BPE with ends of words": word_ends,
    "words": lambda: _known(pre_tokenizers.WhitespaceSplit()),
    "characters": lambda: _known(pre_tokenizers.Split(Regex("."), "isolated"), decoders.Fuse()),
}
