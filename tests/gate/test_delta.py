"""What differs between two versions, by key."""

import duckdb
import pytest

from orchestrator_platform.gate.delta import find_delta
from orchestrator_platform.records.candidates import SchemaColumn


@pytest.mark.parametrize("key", [("a", "b"), ("n", "a", "b"), ("was", "o"), ("k1", "k0"), ('it\'s "k"', "c")])
def test_a_change_is_found_whatever_the_columns_of_the_key_are_called(key: tuple[str, ...]) -> None:
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in key)
    with duckdb.connect() as connection:
        for table, changed in (("before", "x"), ("after", "y")):
            rows = [(*(number for _ in key), changed if number == 2 else "same") for number in (-1, 0, 1, 2, 3)]
            connection.execute(f"CREATE TABLE {table} AS FROM (VALUES {', '.join(map(str, rows))}) AS t({names}, said)")
        columns = [
            *(SchemaColumn(name=name, type="INTEGER") for name in key),
            SchemaColumn(name="said", type="VARCHAR"),
        ]
        delta = find_delta(connection, "after", "before", columns, key)
        assert delta is not None
        assert connection.execute(f"FROM {delta.inserted}").fetchall() == [(*(2 for _ in key), "y")]
        deleted = connection.execute(f"FROM {delta.deleted_keys}")
        assert [column[0] for column in deleted.description or []] == list(key)
        assert deleted.fetchall() == [tuple(2 for _ in key)]
