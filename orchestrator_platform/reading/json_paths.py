"""Paths such as `$.a.b[0].c` into a JSON value: parsing and following them, nothing else."""

import re
from typing import Any

Step = str | int
_STEP = re.compile(r"""\.([^.\[\]"'\s]+)|\[(\d{1,9})\]|\["([^"]+)"\]|\['([^']+)'\]""")


def parse_path(text: str) -> tuple[Step, ...]:
    """Returns the steps of a path: names of keys and places in arrays, which count from 0.

    Raises:
        ValueError: The text is not such a path.
    """
    if not text.startswith("$"):
        raise ValueError(f"the path {text!r} does not begin with `$`")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"the path {text!r} cannot be read at {text[at:]!r}")
        key, index, quoted, single = match.groups()
        steps.append(int(index) if index is not None else key or quoted or single)
        at = match.end()
    if not steps or isinstance(steps[0], int):
        raise ValueError(f"the path {text!r} does not begin with the name of a key")
    return tuple(steps)


def follow_path(value: Any, steps: tuple[Step, ...]) -> Any:
    """Returns what the path leads to, `None` where it leads nowhere."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
        if value is None:
            return None
    return value
