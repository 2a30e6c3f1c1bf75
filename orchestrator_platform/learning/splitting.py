"""A long text in pieces of so many tokens, whoever counts them. Knows no tokenizer."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..errors import EmbedderUnusable

# So many characters are counted at once: enough for many pieces, few enough to hold.
_WINDOW = 65_536


class Span(NamedTuple):
    """Where one token lies in its text."""

    start: int
    end: int
    begins_word: bool


def split_text(text: str, budget: int, overlap: int, spans: Callable[[str], Sequence[Span]]) -> list[str]:
    """Returns exact substrings of at most `budget` tokens that share `overlap` tokens with the one before.

    They begin and end at words where a word fits. A text that fits comes back whole.

    Raises:
        EmbedderUnusable: Pieces of that size could not move on.
    """
    if budget < 1 or not 0 <= overlap < budget:
        raise EmbedderUnusable(
            embedder="splitting",
            problem=f"pieces of {budget} tokens cannot overlap by {overlap}",
            fix="Give pieces of more tokens, or an overlap that is smaller than a piece.",
        )
    if len(text) <= _WINDOW and len(spans(text)) <= budget:
        return [text]
    return [text[start:end] for start, end in piece_places(text, budget, overlap, spans)] or [text]


def piece_places(
    text: str, budget: int, overlap: int, spans: Callable[[str], Sequence[Span]]
) -> Iterator[tuple[int, int]]:
    """Yields where each piece begins and ends."""
    offset, covered = 0, 0
    while offset < len(text):
        last = offset + _WINDOW >= len(text)
        found = spans(text[offset : offset + _WINDOW])
        first, moved = 0, False
        while first < len(found):
            if len(found) - first <= budget and not last and moved:
                break  # the next window shows how this piece goes on
            end = _end(found, first, budget, spans, text[offset : offset + _WINDOW])
            if offset + found[end - 1].end > covered:
                covered = offset + found[end - 1].end
                yield offset + found[first].start, covered
            moved = True
            if end == len(found):
                first = end
                break
            first = _next(found, first, end, overlap)
        offset = offset + (found[first].start if first < len(found) else _WINDOW)


def _end(found: Sequence[Span], first: int, budget: int, spans: Callable[[str], Sequence[Span]], text: str) -> int:
    """Returns where a piece ends: at a word if it holds one, and so that it counts no more when it stands alone."""
    end = min(first + budget, len(found))
    if end < len(found):
        words = [place for place in range(first + 1, end + 1) if found[place].begins_word]
        end = words[-1] if words else end
    while end > first + 1 and len(spans(text[found[first].start : found[end - 1].end])) > budget:
        end -= 1
    return end


def _next(found: Sequence[Span], first: int, end: int, overlap: int) -> int:
    """Returns where the next piece begins: `overlap` tokens back, or a little more to begin with a word."""
    start = max(end - overlap, first + 1)
    words = [place for place in range(start, end + 1) if place < len(found) and found[place].begins_word]
    return words[0] if words else start
