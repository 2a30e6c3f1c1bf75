"""Makes a table of features out of a log: each row from one record, with the history of earlier days beside it.

Everything is made in a schema of its own in the workbench. SQL that a project wrote finds `records`, or the published
tables that it was accepted for, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..errors import FeaturesFailed
from ..records.declarations import FeaturesBuild
from ..records.features import KNOWN_AT, LABEL_KNOWN_AT, LANDED_SEQ, RECORDS, SEEN_AT, History
from ..records.keys import AssetKey
from ..sql import identifier, literal, one_transaction, read_columns

_ROOM = "_features"


def build_features(
    connection: duckdb.DuckDBPyConnection,
    asset: AssetKey,
    build: FeaturesBuild,
    relations: Mapping[AssetKey, str],
) -> str:
    """Returns the name of the table that was made; its columns are those of the asset's contract.

    Args:
        relations: Where the log, and what labels and examples read, is found on the connection.

    Raises:
        FeaturesFailed: The SQL cannot be run on what is there, or gives a key twice or not at all.
    """
    with one_transaction(connection):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_ROOM}")
        for key, relation in relations.items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(key.schema)}")
            connection.execute(f"CREATE OR REPLACE VIEW {key.quoted} AS FROM {relation}")
        maker = _Maker(connection, build)
        maker.seen()
        maker.examples()
        maker.features()
        maker.labels()
        for place, history in enumerate(build.options.history):
            maker.history(place, history)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(asset.schema)}")
        connection.execute(f"CREATE OR REPLACE VIEW {asset.quoted} AS {maker.joined()}")
    return asset.quoted


def record_columns(build: FeaturesBuild, log: str, records: str) -> str:
    """Returns the query of `records`: of each row of `records`, what its record in the log holds at the allowed places.

    The record is parsed once, for all paths together.
    """
    options = build.options
    keys = "".join(f"l.{identifier(name)}, " for name in options.key)
    pointers = ", ".join(literal(json_pointer(steps)) for _, steps in build.paths)
    taken = "".join(f", _part[{place}] AS {identifier(name)}" for place, (name, _) in enumerate(build.paths, 1))
    kept = "".join(f"{identifier(name)}, " for name in options.key)
    return (
        f"SELECT {kept}{LANDED_SEQ}, {SEEN_AT}{taken} FROM (SELECT {keys}l.{LANDED_SEQ}, r.{SEEN_AT},"
        f" json_extract_string(l.{identifier(options.record)}, [{pointers}]) AS _part"
        f" FROM {log} AS l JOIN {records} AS r ON l.{LANDED_SEQ} = r.{LANDED_SEQ})"
    )


def json_pointer(steps: Sequence[str | int]) -> str:
    """Returns the steps as a JSON pointer: no character in a key's name has a meaning of its own there."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


@dataclass(frozen=True)
class _Maker:
    """Each step leaves a table in the room; the columns of the key go by numbers there, so that any name may be one."""

    connection: duckdb.DuckDBPyConnection
    build: FeaturesBuild

    @property
    def _keys(self) -> str:
        """The columns of the key under their numbers."""
        return ", ".join(f"{identifier(name)} AS __k{place}" for place, name in enumerate(self.build.options.key))

    @property
    def _places(self) -> str:
        return ", ".join(f"__k{place}" for place in range(len(self.build.options.key)))

    def seen(self) -> None:
        """What lands late was seen late: no record was seen before one that had landed before it."""
        options = self.build.options
        self._make(
            "seen",
            f"SELECT {self._places}, {LANDED_SEQ}, max(seen) OVER (ORDER BY {LANDED_SEQ}) AS {SEEN_AT} FROM"
            f" (SELECT {self._keys}, {LANDED_SEQ}, ({options.seen_at}\n) AS seen"
            f" FROM {options.log.quoted} AS {RECORDS})",
            "seen_at",
        )

    def examples(self) -> None:
        """The record from which each key's features are made: the one that is asked for, else its first."""
        if self.build.examples is None:
            query = f"SELECT {self._places}, min({LANDED_SEQ}) AS {LANDED_SEQ} FROM {_ROOM}.seen GROUP BY ALL"
        else:
            query = f"SELECT {self._keys}, {LANDED_SEQ} FROM {self._view('examples', self.build.examples)}"
        self._make("chosen", query, "examples")
        self._require_one("chosen", "examples")
        self._make(
            "example",
            f"SELECT s.* FROM {_ROOM}.chosen AS c JOIN {_ROOM}.seen AS s USING ({self._places}, {LANDED_SEQ})",
            "examples",
        )
        lost = self._count(f"{_ROOM}.chosen") - self._count(f"{_ROOM}.example")
        if lost:
            log = self.build.options.log
            self._fail("examples", f"{lost} of the rows name no record of their key in {log}", "Select what landed.")

    def features(self) -> None:
        self.connection.execute(
            f"CREATE OR REPLACE VIEW main.{RECORDS} AS"
            f" {record_columns(self.build, self.build.options.log.quoted, f'{_ROOM}.example')}"
        )
        listed = ", ".join(identifier(name) for name in self.build.features)
        query = f"SELECT {self._keys}{', ' if listed else ''}{listed} FROM {self._view('made', self.build.sql)}"
        self._make("features", query, "sql")
        self._require_one("features", "sql")
        lost = self._count(f"{_ROOM}.example AS e ANTI JOIN {_ROOM}.features AS f USING ({self._places})")
        if lost:
            self._fail("sql", f"{lost} records have no row", "Give one row for each record, whatever it lacks.")

    def labels(self) -> None:
        """A label is known since its record was seen, where it names one, and never before it says itself."""
        if self.build.labels is None:
            return
        relation = self._view("given", self.build.labels)
        known = KNOWN_AT
        found = f"{relation} AS g"
        if any(column.name == LANDED_SEQ for column in read_columns(self.connection, relation)):
            found += f" LEFT JOIN {_ROOM}.seen AS s ON s.{LANDED_SEQ} = g.{LANDED_SEQ}"
            known = f"greatest(g.{KNOWN_AT}, s.{SEEN_AT})"
        keys = ", ".join(f"g.{identifier(name)} AS __k{place}" for place, name in enumerate(self.build.options.key))
        labels = "".join(f", g.{identifier(name)}" for name in self.build.label_columns)
        query = f"SELECT {keys}, {known} AS {LABEL_KNOWN_AT}{labels} FROM {found} WHERE {known} IS NOT NULL"
        self._make("labels", query, "labels")
        self._require_one("labels", "labels")

    def history(self, place: int, history: History) -> None:
        """Counts by day, summed up over the days before: a day's own labels never count.

        A label counts from the day on which it was known and its example seen, whichever came later.
        """
        by = identifier(history.by)
        counted = "".join(
            f", count(*) FILTER (CAST(l.{identifier(label)} AS VARCHAR) = {literal(name)}) AS n{number}"
            for number, (_, label, name) in enumerate(history.counts, 1)
        )
        numbers = range(len(history.columns))
        sums = ", ".join(f"CAST(sum(n{n}) OVER upto AS BIGINT) AS n{n}" for n in numbers)
        self._make(
            f"upto{place}",
            f"SELECT grouped, day, {sums} FROM (SELECT f.{by} AS grouped,"
            f" CAST(greatest(e.{SEEN_AT}, l.{LABEL_KNOWN_AT}) AS DATE) AS day, count(*) AS n0{counted}"
            f" FROM {_ROOM}.example AS e JOIN {_ROOM}.features AS f USING ({self._places})"
            f" JOIN {_ROOM}.labels AS l USING ({self._places}) WHERE f.{by} IS NOT NULL GROUP BY 1, 2)"
            " WINDOW upto AS (PARTITION BY grouped ORDER BY day)",
            "history",
        )
        listed = ", ".join(f"coalesce(u.n{n}, 0) AS n{n}" for n in numbers)
        self._make(
            f"history{place}",
            f"SELECT {self._places}, {listed} FROM (SELECT e.*, f.{by} AS grouped, CAST(e.{SEEN_AT} AS DATE) AS day"
            f" FROM {_ROOM}.example AS e JOIN {_ROOM}.features AS f USING ({self._places})) AS x"
            f" ASOF LEFT JOIN {_ROOM}.upto{place} AS u ON x.grouped = u.grouped AND x.day > u.day",
            "history",
        )

    def joined(self) -> str:
        """Returns the query of the finished rows, under the names that the project gave."""
        options = self.build.options
        listed = [f"e.__k{place} AS {identifier(name)}" for place, name in enumerate(options.key)]
        listed += [f"e.{LANDED_SEQ}", f"e.{SEEN_AT}", *(f"f.{identifier(name)}" for name in self.build.features)]
        joins = f"{_ROOM}.example AS e JOIN {_ROOM}.features AS f USING ({self._places})"
        for place, history in enumerate(options.history):
            listed += [f"h{place}.n{number} AS {identifier(name)}" for number, name in enumerate(history.columns)]
            joins += f" JOIN {_ROOM}.history{place} AS h{place} USING ({self._places})"
        if self.build.labels is not None:
            listed += [f"l.{identifier(name)}" for name in self.build.label_columns] + [f"l.{LABEL_KNOWN_AT}"]
            joins += f" LEFT JOIN {_ROOM}.labels AS l USING ({self._places})"
        return f"SELECT {', '.join(listed)} FROM {joins} ORDER BY {self._places}"

    def _view(self, name: str, sql: str) -> str:
        attribute = {"made": "sql", "given": "labels"}.get(name, name)
        self._try(attribute, lambda: self.connection.execute(f"CREATE OR REPLACE VIEW {_ROOM}.{name} AS {sql}"))
        return f"{_ROOM}.{name}"

    def _make(self, name: str, query: str, attribute: str) -> None:
        self._try(attribute, lambda: self.connection.execute(f"CREATE OR REPLACE TABLE {_ROOM}.{name} AS {query}"))

    def _try(self, attribute: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            self._fail(attribute, f"cannot be run: {str(error).strip().splitlines()[0]}", "Mend it.", error)

    def _require_one(self, name: str, attribute: str) -> None:
        row = self.connection.execute(
            f"SELECT {self._places}, count(*) FROM {_ROOM}.{name} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
        ).fetchone()
        if row is not None:
            key = dict(zip(self.build.options.key, row[:-1], strict=True))
            self._fail(attribute, f"gives {row[-1]} rows for {key}", "Select one row for each key.")

    def _count(self, relation: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
        assert row is not None
        return int(row[0])

    def _fail(self, attribute: str, problem: str, fix: str, cause: Exception | None = None) -> None:
        named = getattr(self.build.options, attribute) if attribute in {"sql", "labels", "examples"} else None
        file = self.build.folder / named if named else self.build.folder
        raise FeaturesFailed(file=file, problem=problem if named else f"{attribute}: {problem}", fix=fix) from cause
