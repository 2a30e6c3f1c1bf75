"""Which SQL may stand as a condition on rows: one expression over columns, without a table, a file or a setting.

It judges text and knows no connection; what it allows may be put into parentheses after WHERE.
"""

from typing import Any

from ..errors import StatementRefused
from .statement_check import StatementCheck, walk_nodes
from .unstable_sql import why_unstable

_RELATION = "condition_rows"
# The line break keeps a comment at the end of the condition from hiding what follows it.
_FRAME = f"SELECT 1 FROM {_RELATION} WHERE (\n{{condition}}\n)"
_LIMIT = 20_000
# A project has the same conditions in many places, and each takes milliseconds.
_ACCEPTED: set[tuple[str, bool]] = set()
_MOST_ACCEPTED = 1_000


def check_condition(condition: str, where: str, *, is_stable: bool = False) -> None:
    """Accepts one expression that reads nothing but columns and bound values; `where` names the culprit in the error.

    Where it must be `is_stable`, the same rows meet it whenever it is asked: no clock and no chance.

    Raises:
        StatementRefused: It is empty, several, no expression, or holds a query or a function that looks elsewhere.
    """
    if not condition.strip():
        raise _refused(where, condition, "it is empty")
    if not _is_unicode(condition):
        raise _refused(where, condition.encode("utf-8", "replace").decode(), "it is not valid text")
    if len(condition) > _LIMIT:
        raise _refused(where, condition, f"it has {len(condition):,} characters, at most {_LIMIT:,} are examined")
    if (condition, is_stable) in _ACCEPTED:
        return
    framed = _FRAME.format(condition=condition)
    with StatementCheck() as check:
        check.query(framed, where)
        tree, plain = check.tree(framed), check.tree(_FRAME.format(condition="true"))
        same = _without_condition(tree) == _without_condition(plain)
        # A cast binds closer than anything that could join two pairs of parentheses.
        cast = check.tree(f"{framed}::BOOLEAN") if same else {}
    if not same or cast["statements"][0]["node"]["where_clause"]["class"] != "CAST":
        raise _refused(where, condition, "it must be one expression, and ends before its own end")
    if any(node.get("class") == "SUBQUERY" for node in walk_nodes(tree)):
        raise _refused(where, condition, "a query within it could read what is not in the row")
    unstable = next(filter(None, map(why_unstable, walk_nodes(tree))), None) if is_stable else None
    if unstable is not None:
        raise _refused(where, condition, unstable)
    if len(_ACCEPTED) >= _MOST_ACCEPTED:
        _ACCEPTED.clear()
    _ACCEPTED.add((condition, is_stable))


def _refused(where: str, condition: str, why: str) -> StatementRefused:
    text = " ".join(condition.split())
    return StatementRefused(where=where, statement=f"`{text if len(text) <= 120 else text[:117] + '...'}`", why=why)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _without_condition(tree: Any) -> Any:
    """The statement with its condition, the values bound in it, and every place in the text left out."""
    (statement,) = tree["statements"]
    node = {name: value for name, value in statement["node"].items() if name != "where_clause"}
    return _without_places({"node": node})


def _without_places(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_places(item) for name, item in value.items() if name != "query_location"}
        case list():
            return [_without_places(item) for item in value]
        case _:
            return value
