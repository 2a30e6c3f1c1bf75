"""Regular expressions that mean the same in Python's `re` and in DuckDB's RE2, translated piece by piece.

Only a subset is read: literals, `.`, classes of literals and ranges, groups, alternatives, bounded
repeats, and the anchors `^`, `\\A`, `\\Z` and a final `$`. `\\d`, `\\w`, `\\s`, `\\b` are not in it:
Python means Unicode's, RE2 ASCII's. Everything else is `None`, and stays with pandera.
"""

import re
import warnings

_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_REPEAT = re.compile(r"\*\??|\+\??|\?\??|\{(\d+)(?:(,)(\d*))?\}\??")
_NOTHING = frozenset(("^", r"\z", "(?:", ")", "|"))
_MOST_REPEATS = 1000
_SMALL = 255


class _Foreign(Exception):
    """The pattern uses something outside the subset."""


def translate_pattern(pattern: object) -> str | None:
    """Returns the RE2 pattern that finds a match exactly where Python's does, `None` where that is not certain.

    Only whether there is a match is the same, not what it spans.
    """
    if not isinstance(pattern, str) or not _is_plain(pattern):
        return None
    try:
        pieces = _translate(pattern)
    except _Foreign:
        return None
    # DuckDB rewrites some patterns that consume nothing, `^(?:)` for one, into a comparison with ''.
    consuming = [piece for piece in pieces if piece not in _NOTHING and not _REPEAT.fullmatch(piece)]
    return "".join(pieces) if consuming else None


def _is_plain(pattern: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning tells of syntax whose meaning is in doubt
        try:
            re.compile(pattern)
        except (re.error, Warning, RecursionError, OverflowError):
            return False
    return "\0" not in pattern and not any("\ud800" <= character <= "\udfff" for character in pattern)


def _translate(pattern: str) -> list[str]:
    out: list[str] = []
    position, depth, repeatable, n_repeats = 0, 0, False, 1
    nested = "){" in pattern
    while position < len(pattern):
        character = pattern[position]
        if repeat := _REPEAT.match(pattern, position):
            n_repeats = _repeats(repeat, repeatable, n_repeats if nested else 1)
            out.append(repeat[0])
            position, repeatable = repeat.end(), False
            continue
        if character in "()":
            depth += 1 if character == "(" else -1
        piece, position = _piece(pattern, position, depth)
        out.append(piece)
        repeatable = piece == ")" or piece not in _NOTHING
    return out


def _repeats(repeat: re.Match[str], repeatable: bool, n_repeats: int) -> int:
    # RE2 unrolls counted repeats and refuses more than a thousand, nested ones multiplied.
    if not repeatable:
        raise _Foreign
    counted = max(int(repeat[1]), int(repeat[3] or 0), 1) if repeat[1] else 1
    if counted * n_repeats > _MOST_REPEATS:
        raise _Foreign
    return counted * n_repeats


def _piece(pattern: str, position: int, depth: int) -> tuple[str, int]:
    character = pattern[position]
    if character == "(":
        return _open_group(pattern, position)
    if character == "[":
        return _character_class(pattern, position)
    if character == "\\":
        return _escape(pattern, position)
    if character == "$":
        # Before a final line break too, as in Python; what it consumes does not matter at the very end.
        if position != len(pattern) - 1 or depth:
            raise _Foreign
        return r"\n?\z", position + 1
    if character in ").|^":
        return character, position + 1
    if character in "*+?{":
        raise _Foreign
    return _literal(character), position + 1


def _open_group(pattern: str, position: int) -> tuple[str, int]:
    named = re.compile(r"\((\?:|\?P<\w+>)?(?!\?)").match(pattern, position)
    if named is None:
        raise _Foreign
    return "(?:", named.end()


def _escape(pattern: str, position: int) -> tuple[str, int]:
    escaped = pattern[position + 1]
    anchors = {"A": "^", "Z": r"\z"}
    return anchors.get(escaped) or _literal(_escaped_character(escaped)), position + 2


def _escaped_character(escaped: str) -> str:
    if escaped in _CONTROL:
        return _CONTROL[escaped]
    if escaped.isalnum() or not escaped.isascii():
        raise _Foreign
    return escaped


def _character_class(pattern: str, position: int) -> tuple[str, int]:
    position += 1
    negated = pattern[position] == "^"
    position += negated
    out = ["[^" if negated else "["]
    first = True
    while first or pattern[position] != "]":
        first = False
        start, position = _class_member(pattern, position)
        if pattern[position] == "-" and pattern[position + 1] != "]":
            stop, position = _class_member(pattern, position + 1)
            out.append(f"{_literal(start)}-{_literal(stop)}")
        else:
            out.append(_literal(start))
    return "".join(out) + "]", position + 1


def _class_member(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position] == "\\":
        return _escaped_character(pattern[position + 1]), position + 2
    return pattern[position], position + 1


def _literal(character: str) -> str:
    if ord(character) <= _SMALL and not (character.isascii() and character.isalnum()):
        return f"\\x{{{ord(character):x}}}"
    return character
