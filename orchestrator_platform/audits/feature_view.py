"""A table of features as its auditor sees it: the log, the labels and the examples, read anew from the parents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..records.contracts import Contract
from ..records.declarations import FeaturesBuild
from ..records.features import KNOWN_AT, LANDED_SEQ, RECORDS, SEEN_AT
from ..records.findings import SAMPLE_LIMIT, Finding
from ..records.keys import AssetKey
from ..sql import identifier, literal, read_columns
from .candidate_view import CandidateView, create_views
from .masking import mask_rows

_ROOM = "_judged"


@dataclass(frozen=True)
class FeatureView:
    """Relations are temporary tables of the auditor's own; the columns of the key go by numbers in them."""

    view: CandidateView
    contract: Contract
    build: FeaturesBuild
    parents: tuple[AssetKey, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return self.build.options.key

    @property
    def numbered(self) -> str:
        """The columns of the key under their numbers."""
        return ", ".join(f"{identifier(name)} AS __k{place}" for place, name in enumerate(self.key))

    @property
    def numbers(self) -> str:
        return ", ".join(f"__k{place}" for place in range(len(self.key)))

    @property
    def log(self) -> str:
        return self.view.relations[self.build.options.log]

    @cached_property
    def rows(self) -> str:
        """The candidate's next version, the key numbered, under names that nothing of the project's has."""
        return f"(SELECT {self.numbered}, * FROM {self.view.next})"

    @cached_property
    def seen(self) -> str:
        """Every record's key, place and time; none was seen before one that landed before it."""
        options = self.build.options
        return self.table(
            "seen",
            f"SELECT {self.numbers}, {LANDED_SEQ}, max(seen) OVER"
            f" (ORDER BY {LANDED_SEQ} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS {SEEN_AT}"
            f" FROM (SELECT {self.numbered}, {LANDED_SEQ}, ({options.seen_at}\n) AS seen FROM {self.log} AS {RECORDS})",
        )

    @cached_property
    def examples(self) -> str:
        """The record that each key's row must be made from, with its time."""
        if self.build.examples is None:
            chosen = (
                f"(SELECT {self.numbers}, {LANDED_SEQ} FROM {self.seen}"
                f" QUALIFY row_number() OVER (PARTITION BY {self.numbers} ORDER BY {LANDED_SEQ}) = 1)"
            )
        else:
            chosen = f"(SELECT {self.numbered}, {LANDED_SEQ} FROM {self.of_project('examples', self.build.examples)})"
        return self.table(
            "examples",
            f"SELECT c.*, s.{SEEN_AT} FROM {chosen} AS c"
            f" LEFT JOIN {self.seen} AS s USING ({self.numbers}, {LANDED_SEQ})",
        )

    @cached_property
    def labels(self) -> str:
        """The labels by key, as __l0, __l1, …, with __known: since when they are known here."""
        assert self.build.labels is not None
        given = self.of_project("labels", self.build.labels)
        placed = any(column.name == LANDED_SEQ for column in read_columns(self.view.connection, given))
        seen = f"(SELECT s.{SEEN_AT} FROM {self.seen} AS s WHERE s.{LANDED_SEQ} = g.{LANDED_SEQ})" if placed else "NULL"
        listed = "".join(f", g.{identifier(name)} AS __l{place}" for place, name in enumerate(self.build.label_columns))
        keys = ", ".join(f"g.{identifier(name)} AS __k{place}" for place, name in enumerate(self.key))
        return self.table(
            "labels",
            f"SELECT * FROM (SELECT {keys}, greatest(g.{KNOWN_AT}, {seen}) AS __known{listed} FROM {given} AS g)"
            " WHERE __known IS NOT NULL",
        )

    @cached_property
    def _shows_parents(self) -> bool:
        create_views(self.view.connection, {key: self.view.relations[key] for key in self.parents})
        return True

    def table(self, name: str, query: str) -> str:
        """Keeps the rows of a query, since several checks read them."""
        self.view.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_ROOM}_{name} AS {query}")
        return f"{_ROOM}_{name}"

    def of_project(self, name: str, sql: str) -> str:
        """Returns a query of the project's over what its parents will be."""
        assert self._shows_parents
        self.view.connection.execute(f"CREATE OR REPLACE TEMP VIEW {_ROOM}_{name}_asked AS {sql}")
        return f"{_ROOM}_{name}_asked"

    def picked(self, name: str, n_rows: int) -> str:
        """Rows of the change, and some of all, by a hash that the candidate's id salts: the same ones in each audit."""
        order = f"ORDER BY hash({self.numbers}, {literal(self.view.manifest.id)}) LIMIT"
        of_change = f"(SELECT {self.numbered}, * FROM {self.view.delta})"
        return self.table(
            name,
            f"FROM (FROM {of_change} {order} {n_rows}) UNION FROM (FROM {self.rows} {order} {max(1, n_rows // 4)})",
        )

    def count(self, relation: str) -> int:
        row = self.view.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
        assert row is not None
        return int(row[0])

    def finding(self, check: str, failing: str, n_judged: int, says: str, limits: Sequence[str] = ()) -> Finding:
        """Returns a finding that fails where `failing` selects a row; its columns are shown, the key by its names."""
        n_failing = self.count(failing)
        sample: list[dict[str, object]] = []
        if n_failing:
            cursor = self.view.connection.execute(f"SELECT * FROM {failing} ORDER BY ALL LIMIT {SAMPLE_LIMIT}")
            names = [self._shown(column[0]) for column in cursor.description or []]
            sample = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        named = f" ({', '.join(limits)})" if limits else ""
        said = f"{n_failing} of {n_judged} {says}{named}" if n_failing else f"none of {n_judged} {says}"
        return Finding(
            asset=self.view.asset,
            check=check,
            passed=n_failing == 0,
            measured=n_failing,
            limit=0,
            n_failing=n_failing,
            sample=mask_rows(sample, self.contract),
            message=said,
        )

    def _shown(self, name: str) -> str:
        numbers = {f"__k{place}": shown for place, shown in enumerate(self.key)}
        return numbers.get(name, name)
