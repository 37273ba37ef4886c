"""Tokens of a server, and words where there are none."""

from __future__ import annotations

import pytest

from ecco_reports.models.api.words import about_tokens, bytes_of, laid_out, length_of, words


def test_words_are_the_whole_text_with_their_leading_space() -> None:
    text = "  Two words,\nthen\u3000日本語 end \n"
    found = words(text)
    assert "".join(token.text for token in found) == text
    assert [text[slice(*token.span)] for token in found if token.span] == [token.text for token in found]
    assert [token.text for token in found[:2]] == ["  Two", " words,"]
    assert [token.text for token in found[-5:]] == ["\u3000日", "本", "語", " end", " \n"]
    assert words("") == ()


@pytest.mark.parametrize(
    ("written", "piece"),
    [(" city", b" city"), (r"bytes:\xe3\x81", b"\xe3\x81"), (r"bytes: \xe3\x81", b" \xe3\x81"), ("bytes:", b"bytes:")],
)
def test_bytes_of_a_token(written: str, piece: bytes) -> None:
    assert bytes_of(written) == piece


def test_characters_in_parts_are_shown_as_bytes_and_once_they_are_complete() -> None:
    tokens = laid_out([b"<s>", b"a", b"\xe3\x81", b"\x82", b" b"], "aあ b")
    assert tokens is not None
    assert [token.text for token in tokens] == ["<s>", "a", "⟨E3 81⟩", "⟨82⟩", " b"]
    assert [token.special for token in tokens] == [True, False, False, False, False]
    assert [token.span for token in tokens] == [None, (0, 1), (1, 1), (1, 2), (2, 4)]
    assert [token.completes for token in tokens] == [None, None, None, "あ", None]


def test_offsets_help_where_a_server_writes_pieces() -> None:
    tokens = laid_out(["▁The".encode(), "▁city".encode()], "The city", [0, 3])
    assert tokens is not None
    assert [token.text for token in tokens] == ["The", " city"]
    assert laid_out([b"other"], "The city") is None


def test_the_prompt_ends_where_its_text_does() -> None:
    assert length_of([b"<s>", b"The", b" city", b" of"], "The city") == 3
    assert length_of(["▁The".encode(), "▁city".encode(), "▁of".encode()], "The city", [0, 3, 8]) == 2


def test_tokens_are_guessed_rather_too_many() -> None:
    assert about_tokens("Heathrow airport is located in the city of") >= 9
    assert about_tokens("") == 0
