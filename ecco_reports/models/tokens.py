"""Tokens as a reader sees them: text as it was written, and bytes where a token is only a part of a character.

In: a ``tokenizers.Tokenizer`` and the settings beside it. Out: token numbers and ``Token`` records. Needs neither torch
nor transformers, except for a folder that has no ``tokenizer.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models.base import TextTokenizer
from ecco_reports.models.chat import ChatTemplate
from ecco_reports.models.pieces import Vocabulary, as_signs, finished, unfinished
from ecco_reports.models.reading import Encoding
from ecco_reports.models.spans import Raw, lay_over
from ecco_reports.records import Prompt, Token

if TYPE_CHECKING:
    import tokenizers

# Where a decoder puts spaces depends on the few tokens before, never on the whole text.
_WINDOW = 6
_OTHER_FORMS = ("*.model", "*.spm", "vocab*", "*.tiktoken", "tekken.json")
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True)
class TokenizerSettings:
    """What stands beside a tokenizer rather than in it.

    Attributes:
        signs: The texts of its special tokens by their names: ``bos_token``, ``mask_token`` and so on.
        template: The Jinja template of conversations, or None when there is none.
        reads_segments: Whether the model is told which of two texts a token belongs to; None where nothing says so.
    """

    signs: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    reads_segments: bool | None = None


class FastTokenizer(TextTokenizer):
    """A tokenizer of the ``tokenizers`` library: byte-level BPE, SentencePiece-like, WordPiece, words or characters."""

    def __init__(self, backend: tokenizers.Tokenizer, settings: TokenizerSettings | None = None) -> None:
        if backend.truncation or backend.padding:
            # Whoever trained with it cut and filled up its texts; a report shows all of a prompt and nothing else.
            backend = type(backend).from_str(backend.to_str())
            backend.no_truncation()
            backend.no_padding()
        self._backend = backend
        self._settings = settings or TokenizerSettings()

    @classmethod
    def from_folder(cls, folder: Path) -> FastTokenizer:
        """The tokenizer of a model's folder, with its mask and its chat template.

        Raises:
            ModelLoadError: There is no tokenizer, or it cannot be read.
        """
        from tokenizers import Tokenizer

        if not (folder / "tokenizer.json").is_file():
            return cls._converted(folder)
        config = _json_file(folder, "tokenizer_config.json")
        try:
            backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # The library raises nothing more precise.
            raise ModelLoadError(str(folder), f"{folder / 'tokenizer.json'} cannot be read: {error}") from error
        signs = _signs({**_json_file(folder, "special_tokens_map.json"), **config})
        names = config.get("model_input_names")
        return cls(
            backend,
            TokenizerSettings(
                signs=signs,
                template=_chat_template(folder, config),
                reads_segments=None if names is None else "token_type_ids" in names,
            ),
        )

    @classmethod
    def _converted(cls, folder: Path) -> FastTokenizer:
        """A tokenizer in another form (a SentencePiece model, word lists), which transformers converts."""
        if not any(path for pattern in _OTHER_FORMS for path in folder.glob(pattern)):
            raise ModelLoadError(str(folder), f"{folder} has no tokenizer: neither a tokenizer.json nor a vocabulary.")
        from transformers import AutoTokenizer

        try:
            return cls.of(AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False))
        except ModelLoadError:
            raise
        except Exception as error:
            hint = "Install `sentencepiece`, `protobuf` and `tiktoken`, or save it as a fast tokenizer where it loads."
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelLoadError(
                str(folder),
                f"{folder} has no tokenizer.json, and its tokenizer cannot be converted: {reason.rstrip('.')}. {hint}",
            ) from error

    @classmethod
    def of(cls, tokenizer: Any) -> FastTokenizer:
        """A tokenizer in memory: one of transformers with a fast backend, or a bare ``tokenizers.Tokenizer``.

        Raises:
            ModelLoadError: It is neither.
        """
        from tokenizers import Tokenizer

        if isinstance(tokenizer, Tokenizer):
            return cls(tokenizer)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            kind = type(tokenizer).__name__
            message = f"{kind} is no fast tokenizer, which is needed to show tokens."
            raise ModelLoadError(kind, message)
        return cls(
            backend,
            TokenizerSettings(
                signs=_signs(tokenizer.special_tokens_map),
                template=_default_template(tokenizer.chat_template),
                reads_segments="token_type_ids" in tokenizer.model_input_names,
            ),
        )

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._backend)

    @property
    def mask(self) -> Token | None:
        """The token that a masked language model fills in, or None when there is none."""
        names = (self._settings.signs.get("mask_token"), *_MASKS)
        found = (self._backend.token_to_id(name) for name in names if name)
        number = next((number for number in found if number is not None), None)
        return None if number is None else self.token(number)

    def sign(self, kind: str) -> int | None:
        """The number of its token of a kind (``pad``, ``eos``, ``unk``), or None when it names none."""
        name = self._settings.signs.get(f"{kind}_token")
        if name is None and kind == "unk":
            name = getattr(self._backend.model, "unk_token", None)
        return None if name is None else self._backend.token_to_id(name)

    def encode(self, prompt: Prompt) -> Encoding:
        """What a model reads of a prompt: its text, its pair of texts, or its conversation in the model's template.

        Spans count in ``prompt.text``, which of a conversation is ``chat.turns(prompt.messages)``; those of tokens that
        are ``second`` count in ``prompt.text_pair``. Tokens of a template have none.

        Raises:
            CapabilityError: The model has no way to read such a prompt, or its chat template refuses it.
        """
        if prompt.messages:
            return self._encode_conversation(prompt)
        pair = prompt.text_pair
        if pair is not None and self._backend.num_special_tokens_to_add(is_pair=True) == 0:
            way_out = "Write both as one text, in the words that the model knows."
            raise CapabilityError("", f"the model's tokenizer has no sign to set two texts apart. {way_out}")
        encoded = self._backend.encode(prompt.text, pair)
        tokens = self._laid(encoded, [prompt.text, *([] if pair is None else [pair])])
        told = any(encoded.type_ids) and self._settings.reads_segments is not False
        return Encoding(tuple(tokens), tuple(encoded.type_ids) if told else ())

    def _encode_conversation(self, prompt: Prompt) -> Encoding:
        template = self._settings.template
        if template is None:
            way_out = "Write `text:` with the words that the model shall go on from, or take a model made for chat."
            raise CapabilityError("", f"the model has no chat template, so it cannot read a conversation. {way_out}")
        rendered = ChatTemplate(template, self._settings.signs).render(prompt.messages)
        # The template writes the sign for the beginning of a text itself.
        encoded = self._backend.encode(rendered.text, add_special_tokens=False)
        tokens = []
        for token in self._laid(encoded, [rendered.text]):
            span = rendered.origin(*token.span) if token.span else None
            tokens.append(token.model_copy(update={"span": span, "special": span is None}))
        return Encoding(tuple(tokens))

    def _laid(self, encoded: tokenizers.Encoding, texts: Sequence[str]) -> list[Token]:
        """The tokens of an encoding, those of each text laid over it."""
        # Each of these properties makes a new list whenever it is asked for.
        ids, pieces, offsets = encoded.ids, encoded.tokens, encoded.offsets
        texts_of = [
            None if of_template else number
            for number, of_template in zip(encoded.sequence_ids, encoded.special_tokens_mask, strict=True)
        ]
        tokens = {
            place: self._added_token(ids[place])
            for place, number in enumerate(texts_of)
            if number not in range(len(texts))
        }
        for number, text in enumerate(texts):
            places = [place for place, mine in enumerate(texts_of) if mine == number]
            raws = [
                Raw(ids[place], pieces[place], self._vocabulary.spelling(ids[place]), offsets[place])
                for place in places
            ]
            laid = lay_over(text, raws, self._vocabulary.byte_level)
            for place, token in zip(places, laid, strict=True):
                tokens[place] = token.model_copy(update={"second": True}) if number else token
        return [tokens[place] for place in range(len(ids))]

    def continuation_ids(self, text: str) -> list[int]:
        """The token numbers of a text that goes on after a prompt: no special tokens are added."""
        ids = self._plain_ids(text)
        if ids and self._vocabulary.spells_spaces and self._vocabulary.spelling(ids[0]).startswith(b" "):
            # Some tokenizers put a space before whatever comes first; here something else is first.
            first, both = self._plain_ids("\n"), self._plain_ids("\n" + text)
            if both[: len(first)] == first:
                return both[len(first) :]
        return ids

    def _plain_ids(self, text: str) -> list[int]:
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def token(self, token_id: int) -> Token:
        """What a reader sees of a single token out of any context."""
        return self.tokens([token_id])[0]

    def tokens(self, ids: Sequence[int], after: Sequence[Token] = ()) -> tuple[Token, ...]:
        """What a reader sees of a sequence that goes on after other tokens, one record per token."""
        return tuple(self._tokens(ids, after))

    def _tokens(self, ids: Sequence[int], after: Sequence[Token]) -> Iterator[Token]:
        before = [token.id for token in after[-_WINDOW:]]
        pending = unfinished(b"".join(bytes.fromhex(token.utf8) for token in after[-_WINDOW:] if token.partial))
        pending = pending if after and after[-1].partial else b""
        for token_id in ids:
            if self._vocabulary.is_special(token_id):
                pending = b""
                yield self._added_token(token_id)
            else:
                data = self._vocabulary.spelling(token_id)
                token = self._plain_token(token_id, pending, data)
                space = "" if self._vocabulary.spells_spaces or token.partial else self._space(before, token_id)
                yield token.model_copy(update={"before": space}) if space else token
                pending = unfinished(pending + data)
            before = [*before, token_id][-_WINDOW:]

    def _space(self, before: Sequence[int], token_id: int) -> str:
        """The space that a decoder puts between two words of a vocabulary that has none of its own."""
        head = self._backend.decode(list(before), skip_special_tokens=False)
        whole = self._backend.decode([*before, token_id], skip_special_tokens=False)
        return " " if before and whole.startswith(head + " ") else ""

    def _plain_token(self, token_id: int, pending: bytes, data: bytes) -> Token:
        """A token that is ``data``, after the bytes of an unfinished character."""
        piece = self._vocabulary.piece(token_id) or ""
        if not pending:
            try:
                return Token(id=token_id, text=data.decode(), piece=piece, utf8=data.hex())
            except UnicodeDecodeError:
                pass
        done = finished(pending + data)
        completes = done[0] if pending and done and done[0] != "\ufffd" else None
        return Token(id=token_id, text=as_signs(data), piece=piece, utf8=data.hex(), partial=True, completes=completes)

    def _added_token(self, token_id: int) -> Token:
        piece = self._vocabulary.piece(token_id)
        if piece is None:
            return Token(id=token_id, text=f"⟨{token_id}⟩", special=True)
        return Token(id=token_id, text=piece, piece=piece, special=True)


def _json_file(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelLoadError(str(folder), f"{path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _signs(settings: Mapping[str, Any]) -> dict[str, str]:
    """The special tokens among the settings of a tokenizer, by their names."""
    found = {name: value for name, value in settings.items() if name.endswith("_token")}
    texts = {name: value["content"] if isinstance(value, dict) else value for name, value in found.items()}
    return {name: str(text) for name, text in texts.items() if text is not None and not isinstance(text, bool)}


def _chat_template(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The template of conversations: a file of its own, or a setting of the tokenizer."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return _default_template(
        config.get("chat_template") or _json_file(folder, "chat_template.json").get("chat_template")
    )


def _default_template(found: Any) -> str | None:
    """One template, where there may be several for several uses."""
    if isinstance(found, list):
        found = {entry["name"]: entry["template"] for entry in found}
    if isinstance(found, Mapping):
        found = found.get("default")
    return found if isinstance(found, str) else None
