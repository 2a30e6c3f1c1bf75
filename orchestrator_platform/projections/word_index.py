"""The words of texts, and where each of them is: made and asked with DuckDB's full-text extension, which stems.

Words are runs of letters and digits, lower-case and without accents, brought to their stem as English words are;
those on the extension's list of stop words are left out.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ..learning.lexical import word_weights
from ..sql import literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LONGEST = 64
_STOP_WORDS = "stop_words"
_NO_WORD = r"[^\p{L}\p{N}]+"
# The same runs: what Python calls a word are letters, digits and the underscore.
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, eq=False)
class WordIndex:
    """`numbers` stand for the words, uint64, in their order; `bounds` are from where to where the postings of each lie,
    int64, shape (n_words, 2).
    """

    numbers: "npt.NDArray[np.uint64]"
    bounds: "npt.NDArray[np.int64]"
    stop_words: frozenset[str]

    def spans(self, connection: duckdb.DuckDBPyConnection, text: str) -> list[tuple[int, int]]:
        """Returns where the postings of each of the text's words lie; words that no text has are left out."""
        import numpy as np

        # No bound parameters: the first one in a process imports pandas, which takes longer than the whole answer.
        (plain,) = connection.execute(f"SELECT lower(strip_accents({literal(text)}))").fetchone() or ("",)
        raw = sorted({word for word in _WORD.findall(plain) if word not in self.stop_words})
        if not raw or not len(self.numbers):
            return []
        listed = f"unnest([{', '.join(map(literal, raw))}])"
        stemmed = f"SELECT DISTINCT stem(raw[:{_LONGEST}], 'porter') FROM (SELECT {listed} AS raw)"
        wanted = np.array([_number(row[0]) for row in connection.execute(stemmed).fetchall()], dtype=np.uint64)
        places = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        found = self.bounds[np.sort(places[self.numbers[places] == wanted])]
        return [(int(begins), int(ends)) for begins, ends in found]


def write_words(
    connection: duckdb.DuckDBPyConnection, texts: str, n_texts: int
) -> tuple[WordIndex, "npt.NDArray[np.int32]", "npt.NDArray[np.float32]"]:
    """Returns the words, and the postings: texts and weights, word by word.

    Args:
        connection: Has a database of its own to work in.
        texts: A query with the columns `number`, from 0 on, and `text`.
        n_texts: How many texts there are.
    """
    import numpy as np

    stop_words = _read_stop_words(connection)
    split = f"unnest(string_split_regex(lower(strip_accents(text)), '{_NO_WORD}'))"
    connection.execute(
        f"CREATE TEMP TABLE postings AS SELECT stem(raw[:{_LONGEST}], 'porter') AS word, number, count(*) AS tf"
        f" FROM (SELECT * EXCLUDE (text), {split} AS raw FROM ({texts}))"
        f" WHERE raw <> '' AND raw NOT IN (FROM {_STOP_WORDS}) GROUP BY ALL ORDER BY word, number"
    )
    posted = connection.execute(
        "SELECT number::INTEGER AS number, tf, (sum(tf) OVER (PARTITION BY number))::BIGINT AS length,"
        " count(*) OVER (PARTITION BY word) AS df FROM postings ORDER BY word, number"
    ).fetchnumpy()
    counted = connection.execute("SELECT word, count(*) FROM postings GROUP BY word ORDER BY word").fetchall()
    for table in ("postings", _STOP_WORDS):
        connection.execute(f"DROP TABLE {table}")
    numbers, tf, length, df = (np.asarray(posted[name]) for name in ("number", "tf", "length", "df"))
    average = float(tf.sum()) / max(n_texts, 1)
    return _indexed(counted, stop_words), numbers.astype(np.int32), word_weights(df, tf, length, n_texts, average)


def _indexed(counted: list[tuple[str, int]], stop_words: frozenset[str]) -> WordIndex:
    import numpy as np

    numbers = np.array([_number(word) for word, _ in counted], dtype=np.uint64)
    ends = np.cumsum(np.array([n for _, n in counted], dtype=np.int64), dtype=np.int64)
    bounds = np.stack([np.concatenate([[0], ends[:-1]]) if len(ends) else ends, ends], axis=1).astype(np.int64)
    order = np.argsort(numbers)
    return WordIndex(numbers[order], bounds[order], stop_words)


def _number(word: str) -> int:
    """A word of 64 bits that stands for a word; two of them share one as good as never."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")


def _read_stop_words(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The extension hands its list out only with an index of its own."""
    connection.execute("CREATE TABLE probe AS SELECT 0 AS number, 'word' AS text")
    connection.execute("PRAGMA create_fts_index('probe', 'number', 'text')")
    connection.execute(f"CREATE TEMP TABLE {_STOP_WORDS} AS SELECT sw FROM fts_main_probe.stopwords")
    connection.execute("PRAGMA drop_fts_index('probe')")
    connection.execute("DROP TABLE probe")
    return frozenset(row[0] for row in connection.execute(f"FROM {_STOP_WORDS}").fetchall())
