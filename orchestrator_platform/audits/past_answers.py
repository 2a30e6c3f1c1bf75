"""What the auditor noted of each version's answers to golden queries: a later version of another embedder is compared
with them. Losing them leaves that comparison undone, and says so.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..storage import write_whole

if TYPE_CHECKING:
    from ..learning.retrieval_metrics import Quality

_KEPT = 200


def write_answers(cache: Path, data_version: str, questions: Sequence[str], quality: "Quality") -> None:
    """Notes the measures of each question, in one rename; the oldest notes go."""
    note = _note(cache, data_version)
    measured = zip(quality.ndcg.tolist(), quality.recall.tolist(), quality.mrr.tolist(), strict=True)
    write_whole(note, json.dumps(dict(zip(questions, measured, strict=True))).encode())
    for _, old in sorted(_by_age(note.parent))[:-_KEPT]:
        old.unlink(missing_ok=True)


def load_answers(cache: Path, data_version: str) -> Mapping[str, tuple[float, float, float]]:
    """Returns (nDCG, recall, reciprocal rank) by question; nothing where nothing was noted."""
    try:
        stored = json.loads(_note(cache, data_version).read_text(encoding="utf-8"))
        return {str(question): (float(m[0]), float(m[1]), float(m[2])) for question, m in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError, IndexError):
        return {}


def _note(cache: Path, data_version: str) -> Path:
    return cache / "answers" / f"{hashlib.sha256(data_version.encode()).hexdigest()[:32]}.json"


def _by_age(folder: Path) -> Iterator[tuple[float, Path]]:
    for note in folder.glob("*.json"):
        # Another audit may have taken it away meanwhile.
        with suppress(FileNotFoundError):
            yield note.stat().st_mtime, note
