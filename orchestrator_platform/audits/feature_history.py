"""Whether history is of earlier days: for a sample of rows every example is looked at that could have been counted."""

from collections.abc import Iterator

from ..records.features import SEEN_AT
from ..records.findings import Finding
from ..sql import identifier, literal
from .feature_view import FeatureView

HISTORY = "history_of_earlier_days"
_SAMPLE = 400


def check_history(seen: FeatureView) -> Iterator[Finding]:
    """Compares counts with a plain look, for each picked row, at all labelled examples of the days before."""
    picked = seen.picked("picked_history", _SAMPLE)
    wrong = seen.table(
        "wrong_history", f"SELECT {seen.numbers}, '' AS column_, 0 AS counted, 0 AS known FROM {picked} LIMIT 0"
    )
    for place in range(len(seen.build.options.history)):
        _note_wrong(seen, place, picked, wrong)
    says = "rows count other examples than those that were labelled on earlier days"
    yield seen.finding(HISTORY, wrong, seen.count(picked), says)


def _note_wrong(seen: FeatureView, place: int, picked: str, wrong: str) -> None:
    """An example is known on the day on which its label is, and it was itself seen, whichever came later."""
    history = seen.build.options.history[place]
    by = identifier(history.by)
    labels = {name: number for number, name in enumerate(seen.build.label_columns)}
    known = seen.table(
        "known_history",
        f"SELECT n.{by} AS grouped, greatest(l.__known::DATE, e.{SEEN_AT}::DATE) AS day, l.*"
        f" FROM {seen.rows} AS n JOIN {seen.labels} AS l USING ({seen.numbers})"
        f" JOIN {seen.examples} AS e USING ({seen.numbers})",
    )
    counted = [(history.total, "true")]
    counted += [(column, f"k.__l{labels[label]}::VARCHAR = {literal(name)}") for column, label, name in history.counts]
    keys = ", ".join(f"p.__k{number}" for number in range(len(seen.key)))
    looked = seen.table(
        "looked_history",
        f"SELECT {keys}, "
        + ", ".join(
            f"count(*) FILTER (k.day IS NOT NULL AND {which}) AS __n{n}" for n, (_, which) in enumerate(counted)
        )
        + f" FROM {picked} AS p JOIN {seen.examples} AS e USING ({seen.numbers}) LEFT JOIN {known} AS k"
        f" ON k.grouped = p.{by} AND k.day < e.{SEEN_AT}::DATE GROUP BY ALL",
    )
    for number, (column, _) in enumerate(counted):
        seen.view.connection.execute(
            f"INSERT INTO {wrong} SELECT {seen.numbers}, {literal(column)}, p.{identifier(column)}, l.__n{number}"
            f" FROM {picked} AS p JOIN {looked} AS l USING ({seen.numbers})"
            f" WHERE p.{identifier(column)} IS DISTINCT FROM l.__n{number}"
        )
