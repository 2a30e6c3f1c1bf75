"""Files damaged at random: whatever is in them, every row of theirs is accounted for and no reader dies."""

import gzip
import io
import json
import random
from collections import Counter

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from .conftest import Read

PIECES = [b'"', b"\n", b"{", b"[", b"\\", b"\0", b",", b"\xff", b"\xef\xbb\xbf", b"\r"]


def whole_files() -> dict[str, bytes]:
    lines = [json.dumps({"a": n, "b": ["x", {"y": 1.5}], "c": 'é\\"q'}).encode() for n in range(30)]
    ndjson = b"\n".join(lines)
    csv = b"a,b,c\n" + b"".join(b'%d,"x ""y"", z",t\n' % n for n in range(30))
    parquet = io.BytesIO()
    table = pyarrow.table({"a": list(range(500)), "b": ["x"] * 500, "c": [None, 1.5] * 250})
    pyarrow.parquet.write_table(table, parquet)
    return {
        "n.ndjson": ndjson,
        "j.json": b"[" + b",\n".join(lines) + b"]",
        "c.csv": csv,
        "p.parquet": parquet.getvalue(),
        "g.ndjson.gz": gzip.compress(ndjson),
        "z.csv.zst": zstandard.compress(csv),
    }


def damaged(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(made)) if made else 0
        match chance.randrange(4):
            case 0 if made:
                made[place] = chance.randrange(256)
            case 1:
                made[place:place] = chance.choice(PIECES)
            case 2:
                del made[place : place + chance.randrange(1, 40)]
            case _ if chance.random() < 0.2:
                del made[place:]
    return bytes(made)


@pytest.mark.parametrize("seed", range(2))
def test_rows_of_damaged_files_are_written_rejected_or_refused_with_their_file(read: Read, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    whole = whole_files()
    names = [chance.choice(list(whole)) for _ in range(800)]
    got = read(
        {f"{n:03d}-{name}": damaged(whole[name], chance) for n, name in enumerate(names)}, "abc", record_column="r"
    )
    refused = Counter(file.refused.rule if file.refused else None for file in got.files)
    assert set(refused) <= {None, "compression", "parquet", "json", "csv", "encoding", "format", "columns"}
    assert refused[None] > 200
    written = Counter(row["_file_sha256"] for row in got.rows)
    assert written == {file.sha256: file.n_written for file in got.files if file.n_written}
    assert len({(row["_file_sha256"], row["_line"]) for row in got.rows}) == len(got.rows)
