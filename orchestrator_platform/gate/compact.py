"""Has a served table that lies in many files written anew as one; its version and its content stay what they are."""

import sqlite3
from contextlib import closing
from datetime import datetime

import duckdb

from ..errors import BaseMoved, OrchestratorError, VersionDamaged
from ..lake.catalog import measure_files, open_catalog
from ..lake.commit import Commit
from ..lake.compacting import require_as_written, write_compacted
from ..lake.history import read_heads, read_receipt
from ..lake.layout import LakeLayout
from ..lake.migrations import PLATFORM
from ..lake.readers import connect_reader
from ..lake.writer import open_writer
from ..records.events import Event
from ..records.keys import AgentName, AssetKey
from .context import Gate

MANY_FILES = 64
# Each time leaves a copy of the table behind until `gc` frees it: what is larger waits for `gc` itself.
_SMALL_BYTES = 16 << 20


def compact(
    layout: LakeLayout, asset: AssetKey, agent: AgentName, *, now: datetime, run_id: str, lock_timeout_seconds: float
) -> None:
    """Writes the served rows outside the lock and puts them in the place of all files under it; does nothing where
    somebody publishes meanwhile.

    Raises:
        LockTimeout: Another writer held the lock for too long.
        CommitMismatch: What was written is not the version's content, or was changed since.
        VersionDamaged: What was committed cannot be read as it should; no reader has seen it.
    """
    with closing(connect_reader(layout)) as connection:
        head = read_heads(connection).get(asset)
        receipt = read_receipt(connection, asset, head.version) if head else None
        if receipt is None:
            return
        compacted = write_compacted(connection, layout, receipt, run_id)
    event = Event(
        id=f"{run_id}-compact-{asset}",
        at=now,
        agent=agent,
        act="compact",
        subject=asset,
        outcome="compacted",
        reason="it lay in many files",
        details={"files": {compacted.file.name: compacted.sha256}},
    )
    tried = False
    try:
        with open_writer(layout, lock_timeout_seconds) as writer:
            require_as_written(compacted)
            tried = True
            writer.commit(Commit(events=(event,), compacted=(compacted,)))
    except BaseMoved:
        compacted.file.unlink()
    except BaseException:
        # What a commit that broke left behind is the next writer's to look at.
        if not tried:
            compacted.file.unlink(missing_ok=True)
        raise


def compact_if_many(gate: Gate, asset: AssetKey) -> None:
    """Compacts a small table that lies in many files: whoever reads it opens all of them. What fails is said, and
    tried again after the next publication: the one before it stands.

    Raises:
        VersionDamaged: What was committed cannot be read as it should; no reader has seen it.
    """
    try:
        with open_catalog(gate.layout.readers) as catalog:
            n_files, size_bytes = measure_files(catalog, asset)
        if n_files >= MANY_FILES and size_bytes <= _SMALL_BYTES:
            waits = gate.settings.lock_timeout_seconds
            compact(gate.layout, asset, PLATFORM, now=gate.now(), run_id=gate.new_id(), lock_timeout_seconds=waits)
    except VersionDamaged:
        # Nothing may be written any more, and no reader sees it, until that is mended.
        raise
    except (OrchestratorError, OSError, duckdb.Error, sqlite3.Error) as error:
        gate.say(f"{asset} is published, and still lies in many files: {str(error).splitlines()[0]}")
