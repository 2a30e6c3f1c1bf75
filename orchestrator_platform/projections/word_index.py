"""The words of texts, and where each of them is: made and asked with DuckDB's full-text extension, which stems.

Words are runs of letters and digits, lower-case and without accents, brought to their stem as English words are;
those on the extension's list of stop words are left out.
"""

from typing import TYPE_CHECKING

import duckdb

from ..learning.lexical import word_weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WORDS = "words"
_STOP_WORDS = "stop_words"
_LONGEST = 64
_NO_WORD = r"[^\p{L}\p{N}]+"


def _words_of(text: str) -> str:
    """A query of the words, column `word`, and whatever else `text` selects; `text` is a query with a column `text`."""
    split = f"unnest(string_split_regex(lower(strip_accents(text)), '{_NO_WORD}'))"
    return (
        f"SELECT * EXCLUDE (raw), stem(raw[:{_LONGEST}], 'porter') AS word"
        f" FROM (SELECT * EXCLUDE (text), {split} AS raw FROM ({text}))"
        f" WHERE raw <> '' AND raw NOT IN (FROM {_STOP_WORDS})"
    )


def write_words(
    connection: duckdb.DuckDBPyConnection, texts: str, n_texts: int
) -> tuple["npt.NDArray[np.int32]", "npt.NDArray[np.float32]"]:
    """Writes the tables that `word_spans` asks, and returns the postings: texts and weights, word by word.

    Args:
        texts: A query with the columns `number`, from 0 on, and `text`.
        n_texts: How many texts there are.
    """
    import numpy as np

    _write_stop_words(connection)
    connection.execute(
        f"CREATE TEMP TABLE postings AS SELECT word, number, count(*) AS tf FROM ({_words_of(texts)})"
        " GROUP BY ALL ORDER BY word, number"
    )
    connection.execute(
        f"CREATE TABLE {WORDS} AS SELECT word, (sum(n) OVER (ORDER BY word) - n)::BIGINT AS begins,"
        " sum(n) OVER (ORDER BY word)::BIGINT AS ends"
        " FROM (SELECT word, count(*) AS n FROM postings GROUP BY word) ORDER BY word"
    )
    posted = connection.execute(
        "SELECT number::INTEGER AS number, tf, (sum(tf) OVER (PARTITION BY number))::BIGINT AS length,"
        " count(*) OVER (PARTITION BY word) AS df FROM postings ORDER BY word, number"
    ).fetchnumpy()
    connection.execute("DROP TABLE postings")
    numbers, tf, length, df = (np.asarray(posted[name]) for name in ("number", "tf", "length", "df"))
    average = float(tf.sum()) / max(n_texts, 1)
    return numbers.astype(np.int32), word_weights(df, tf, length, n_texts, average)


def word_spans(connection: duckdb.DuckDBPyConnection, text: str) -> list[tuple[int, int]]:
    """Returns from where to where the postings of each of the text's words lie; words that no text has are left out."""
    asked = _words_of("SELECT ?::VARCHAR AS text")
    return connection.execute(
        f"SELECT begins, ends FROM {WORDS} WHERE word IN (SELECT word FROM ({asked})) ORDER BY begins", [text]
    ).fetchall()


def _write_stop_words(connection: duckdb.DuckDBPyConnection) -> None:
    """The extension hands its list out only with an index of its own."""
    connection.execute("CREATE TABLE probe AS SELECT 0 AS number, 'word' AS text")
    connection.execute("PRAGMA create_fts_index('probe', 'number', 'text')")
    connection.execute(f"CREATE TABLE {_STOP_WORDS} AS SELECT sw FROM fts_main_probe.stopwords")
    connection.execute("PRAGMA drop_fts_index('probe')")
    connection.execute("DROP TABLE probe")
