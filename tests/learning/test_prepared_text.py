"""The text of a row, as it is prepared in SQL."""

import hashlib

import duckdb
import pytest

from orchestrator_platform.learning.prepared_text import TEXT, prepared_texts
from orchestrator_platform.records.embeddings import EmbeddingOptions


def prepared(text: list[str] | str, *values: object) -> str | None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE source AS SELECT 1 AS k, ?::VARCHAR AS title, ?::VARCHAR AS body, 7 AS n", values)
    options = EmbeddingOptions.model_validate({"source": "a.b", "key": ["k"], "text": text})
    rows = connection.execute(f"SELECT {TEXT}, source_hash FROM {prepared_texts(options, 'source')}").fetchall()
    if not rows:
        return None
    ((found, text_hash),) = rows
    assert text_hash == hashlib.sha256(found.encode()).hexdigest()
    return str(found)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (["title", "body"], ("A", "b"), "A\nb"),
        (["title", "body"], (None, " b \u3000"), "b"),
        ("{title}. {body}", ("A", "b"), "A. b"),
        ("{title}. {body}", (None, "b"), ". b"),
        ("{{{title}}} it's {n}", ("A", None), "{A} it's 7"),
        (["title"], ("a\x00b", None), "a\x00b"),
        (["body", "title"], ("A", "b"), "b\nA"),
    ],
)
def test_columns_and_templates_become_one_text(
    text: list[str] | str, values: tuple[object, ...], expected: str
) -> None:
    assert prepared(text, *values) == expected


@pytest.mark.parametrize("blank", [None, "", "  ", "\n\t\r", "\x00\x01", "\u3000\ufeff\u200b\u00a0"])
def test_a_row_of_blank_columns_has_no_text_whatever_the_template_adds(blank: str | None) -> None:
    assert prepared("{title}. {body}", blank, blank) is None
