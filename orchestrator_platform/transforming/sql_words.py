"""SQL as words with their nesting depth, for statements of which DuckDB gives no syntax tree. It judges nothing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

_IDENTIFIER = re.compile(r'"(?:[^"]|"")*"|[^\W\d][\w$]*')
_OPENS_QUERY = frozenset({"select", "with", "from", "values"})


@dataclass(frozen=True)
class Word:
    """One token: `text` of an identifier is without its quotes, that of a keyword in lower case."""

    kind: str
    text: str
    start: int
    depth: int


def split_words(sql: str) -> list[Word]:
    """Returns the tokens of the SQL without its comments; positions count bytes of UTF-8."""
    raw = sql.encode("utf-8", "surrogatepass")
    tokens = duckdb.tokenize(sql)
    ends = [*(start for start, _ in tokens[1:]), *([len(raw)] if tokens else [])]
    words: list[Word] = []
    depth = 0
    for (start, kind), end in zip(tokens, ends, strict=True):
        text = _text(kind.name, raw[start:end].decode("utf-8", "replace"))
        depth -= text == ")"
        words.append(Word(kind.name, text, start, depth))
        depth += text == "("
    return words


def _text(kind: str, raw: str) -> str:
    if kind in {"identifier", "keyword"}:
        found = _IDENTIFIER.match(raw)
        text = found.group() if found else raw.strip()
        return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
    return raw[0] if kind == "operator" and raw[:1] in "()," else raw.strip()


def find_queries(sql: str, words: Sequence[Word], *, top: bool) -> Iterator[str]:
    """Yields the text of every query in a statement: those in parentheses and, with `top`, the one it ends with."""
    raw = sql.encode("utf-8", "surrogatepass")
    until = -1
    for index, word in enumerate(words):
        opens = word.kind == "keyword" and word.text in _OPENS_QUERY and word.start > until
        inside = index > 0 and words[index - 1].text == "("
        if opens and (inside or (top and word.depth == 0 and index > 0)):
            closing = next((w.start for w in words[index:] if w.text == ")" and w.depth == word.depth - 1), len(raw))
            until = closing
            yield raw[word.start : closing].decode("utf-8", "surrogatepass")
