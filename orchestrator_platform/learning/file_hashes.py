"""The sha256 of files that are too large to read at every start: kept by the file's place, size and times."""

import hashlib
import json
from pathlib import Path

from ..records.base import sha256_of
from ..storage import write_whole


def hash_cached(file: Path, cache: Path) -> str:
    """Returns the file's sha256; a file that was not touched since the last time is not read."""
    stat = file.stat()
    seen = [str(file.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    kept = cache / "file-hashes" / f"{sha256_of(seen)[:32]}.json"
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if isinstance(found, str):
        return found
    with file.open("rb") as stream:
        made = hashlib.file_digest(stream, "sha256").hexdigest()
    write_whole(kept, json.dumps({"file": seen[0], "sha256": made}).encode())
    return made
