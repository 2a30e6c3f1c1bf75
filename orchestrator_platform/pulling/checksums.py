"""The sha256 of a file, and what a list of checksums promises for it."""

import hashlib
import re
from pathlib import Path

from ..errors import PullRefused

_LINE = re.compile(r"\\?([0-9A-Fa-f]{64})(?:[ \t]+\*?(.+))?")
MOST_BYTES = 1 << 20


def sha256_of_file(file: Path) -> str:
    """Returns the sha256 of a file's bytes, as 64 hexadecimal digits."""
    with file.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()


def promised_sha256(url: str, text: str, name: str) -> str:
    """Returns the sha256 that a list promises for a name: hex digits alone, or lines as `sha256sum` writes them.

    Raises:
        PullRefused: It promises none, or several.
    """
    found = [match for line in text.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    named = [match[1] for match in found if match[2] and match[2].replace("\\", "/").rsplit("/", 1)[-1] == name]
    alone = [match[1] for match in found if not match[2]]
    promised = {digest.lower() for digest in named or (alone if len(found) == len(alone) else [])}
    if len(promised) != 1:
        how_many = "no" if not promised else "more than one"
        raise PullRefused(
            url=url,
            problem=f"it holds {how_many} sha256 for {name}",
            fix="It should hold 64 hexadecimal digits, or lines of `sha256sum` with the file's name. Compare"
            " `checksum_url` and `file`.",
        )
    return promised.pop()
