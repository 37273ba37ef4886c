"""Conversations: what a model's own chat template makes of the turns of a prompt.

In: messages and a Jinja template. Out: the text the model reads, and where in it the messages stand. The template is
run by transformers' own sandboxed renderer, which is imported when the first conversation comes and needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecco_reports.errors import CapabilityError
from ecco_reports.records import Message

# Two of the code points that Unicode keeps free for use inside a program: no text has them.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARKED = re.compile(f"{_OPEN}(\\d+);(.*?){_CLOSE}", re.DOTALL)
_FENCES = re.compile(f"{_OPEN}\\d+;|{_CLOSE}")


@dataclass(frozen=True)
class Part:
    """A stretch of a rendered conversation that is somebody's words.

    Attributes:
        start: Where it begins in the rendered text.
        end: Where it ends.
        origin: Where it begins in the text of the turns.
    """

    start: int
    end: int
    origin: int


@dataclass(frozen=True)
class Rendered:
    """A conversation as a model reads it: the template's signs and the words between them."""

    text: str
    parts: tuple[Part, ...]

    def origin(self, start: int, end: int) -> tuple[int, int] | None:
        """The span that characters of the rendered text have in the text of the turns; None where all is template."""
        for part in self.parts:
            first, last = max(start, part.start), min(end, part.end)
            if first < last:
                return part.origin + first - part.start, part.origin + last - part.start
        return None


def turns(messages: Sequence[Message]) -> str:
    """A conversation as text for people: its turns one below the other."""
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


@dataclass(frozen=True)
class ChatTemplate:
    """A model's way to write a conversation.

    Attributes:
        template: Jinja.
        signs: The texts of the tokenizer's special tokens by their names, such as ``bos_token``.
    """

    template: str
    signs: Mapping[str, Any]

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The text of a conversation; a last turn of the assistant is left open for the model to go on with.

        Raises:
            CapabilityError: The template refuses the conversation or fails.
        """
        text = self._rendered([message.content for message in messages], messages)
        fenced = self._fenced(messages)
        found = list(_MARKED.finditer(fenced)) if _FENCES.sub("", fenced) == text else []
        starts = _starts(messages)
        parts, removed = [], 0
        for match in found:
            number, words = int(match[1]), match[2]
            start = match.start() - removed
            content = messages[number].content
            parts.append(Part(start, start + len(words), starts[number] + len(content) - len(content.lstrip())))
            removed += len(match[0]) - len(words)
        return Rendered(text, tuple(parts) or tuple(_searched(text, messages, starts)))

    def _fenced(self, messages: Sequence[Message]) -> str:
        """The conversation once more, with a fence around what each turn says: it tells where that went."""
        contents = []
        for number, message in enumerate(messages):
            words = message.content.strip()
            before, _, after = message.content.partition(words) if words else (message.content, "", "")
            contents.append(f"{before}{_OPEN}{number};{words}{_CLOSE}{after}" if words else message.content)
        try:
            return self._rendered(contents, messages)
        except CapabilityError:
            return ""  # A template may look at what is said and refuse a fence.

    def _rendered(self, contents: Sequence[str], messages: Sequence[Message]) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template

        chat = [{"role": message.role, "content": said} for message, said in zip(messages, contents, strict=True)]
        goes_on = messages[-1].role == "assistant"
        try:
            (text,), _ = render_jinja_template(
                conversations=[chat],
                chat_template=self.template,
                continue_final_message=goes_on,
                add_generation_prompt=not goes_on,
                **self.signs,
            )
        except Exception as error:  # A template is a program: what can go wrong in it has no end.
            raise CapabilityError(
                "", f"the model's chat template refuses this conversation: {_words(error)}"
            ) from error
        return str(text)


def _starts(messages: Sequence[Message]) -> list[int]:
    """Where the content of each message begins in the text of the turns."""
    starts, at = [], 0
    for message in messages:
        starts.append(at + len(message.role) + 2)
        at = starts[-1] + len(message.content) + 1
    return starts


def _searched(text: str, messages: Sequence[Message], starts: Sequence[int]) -> list[Part]:
    """Where the messages stand in a rendered text, found by looking for them one after the other."""
    parts, cursor = [], 0
    for message, start in zip(messages, starts, strict=True):
        words = message.content.strip()
        at = text.find(words, cursor) if words else -1
        if at >= 0:
            cursor = at + len(words)
            parts.append(Part(at, cursor, start + message.content.index(words)))
    return parts


def _words(error: Exception) -> str:
    """What an error says, as the end of a sentence."""
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return said if said.endswith((".", "!", "?")) else f"{said}."
