"""What every table of features is audited for: that its values come from allowed places of the record they name.

Nothing of what built it is used. Values are derived again from each record alone, where no other record can help.
"""

from collections.abc import Iterator
from contextlib import closing

from ..errors import StatementRefused
from ..reading.json_paths import Step, parse_path
from ..records.features import LABEL_KNOWN_AT, LANDED_SEQ, RECORDS, SEEN_AT
from ..records.findings import Finding
from ..sql import identifier, literal
from ..transforming.feature_sql import FeatureSqlCheck
from .feature_view import FeatureView

ALLOWED, EXAMPLES = "allowed_places", "examples"
OF_RECORD, LABELS = "features_of_their_record", "labels_as_known"
_TOGETHER, _ALONE = 200, 8


def check_allowed_places(seen: FeatureView) -> Iterator[Finding]:
    """Every path is at or below an allowed one, and the SQL reads nothing but what the paths lead to."""
    build = seen.build
    allowed = [parse_path(path) for path in build.options.allow]
    problems = []
    for name, steps in build.paths:
        says = build.options.paths.get(name)
        if says is None or parse_path(says) != steps:
            problems.append(f"{name} is taken from another place than is declared")
        elif not any(steps[: len(place)] == place for place in allowed):
            problems.append(f"{name} is taken from {says}")
    with closing(FeatureSqlCheck()) as check:
        try:
            check.features(build.sql, build.options.sql)
            check.expression(build.options.seen_at, "seen_at")
        except StatementRefused as error:
            problems.append(error.why)
    yield Finding(
        asset=seen.view.asset,
        check=ALLOWED,
        passed=not problems,
        measured=len(problems),
        limit=0,
        n_failing=len(problems),
        message="; ".join(problems)
        or f"{len(build.paths)} places, all at or below {', '.join(build.options.allow)}; nothing else is read",
    )


def check_examples(seen: FeatureView) -> Iterator[Finding]:
    """There is one row for each key, made from the record that was asked for, with the time at which it came."""
    wrong = seen.table(
        "wrong_examples",
        f"SELECT {seen.numbers}, n.{LANDED_SEQ}, n.{SEEN_AT}, e.{LANDED_SEQ} AS asked_for, e.{SEEN_AT} AS came"
        f" FROM {seen.rows} AS n FULL JOIN {seen.examples} AS e USING ({seen.numbers})"
        f" WHERE (n.{LANDED_SEQ}, n.{SEEN_AT}) IS DISTINCT FROM (e.{LANDED_SEQ}, e.{SEEN_AT})",
    )
    says = f"keys are not of the record that was asked for in {seen.build.options.log}, or of another time"
    yield seen.finding(EXAMPLES, wrong, seen.count(seen.examples), says)


def check_features_of_their_record(seen: FeatureView) -> Iterator[Finding]:
    """A sample is made again: from their own records together, and some from a single record each."""
    picked = seen.picked("picked_features", _TOGETHER)
    extracted = seen.table("extracted", _extracted(seen, picked))
    connection = seen.view.connection
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {RECORDS} AS FROM {extracted}")
    wrong = seen.table("wrong_features", f"{_compared(seen, picked)} LIMIT 0")
    places = connection.execute(f"SELECT {LANDED_SEQ} FROM {picked} ORDER BY hash({LANDED_SEQ})").fetchall()
    for alone in [None, *(place for (place,) in places[:_ALONE])]:
        only = "" if alone is None else f" WHERE {LANDED_SEQ} = {int(alone)}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {RECORDS} AS FROM {extracted}{only}")
        connection.execute(f"INSERT INTO {wrong} {_compared(seen, f'(FROM {picked}{only})')}")
    connection.execute(f"DROP TABLE temp.{RECORDS}")
    distinct = f"(SELECT DISTINCT * FROM {wrong})"
    says = "rows are not what their record alone gives"
    yield seen.finding(OF_RECORD, distinct, seen.count(picked), says)


def _extracted(seen: FeatureView, picked: str) -> str:
    """One look at the record for each path, unlike the build's one look for all."""
    options = seen.build.options
    keys = "".join(f"l.{identifier(name)}, " for name in options.key)
    record = f"l.{identifier(options.record)}"
    taken = "".join(
        f", json_extract_string({record}, {literal(_path(steps))}) AS {identifier(name)}"
        for name, steps in seen.build.paths
    )
    places = seen.view.connection.execute(f"SELECT DISTINCT {LANDED_SEQ} FROM {picked}").fetchall()
    listed = ", ".join(str(int(place)) for (place,) in places) or "NULL"
    return (
        f"SELECT {keys}l.{LANDED_SEQ}, s.{SEEN_AT}{taken} FROM (FROM {seen.log} WHERE {LANDED_SEQ} IN ({listed})) AS l"
        f" JOIN {seen.seen} AS s ON s.{LANDED_SEQ} = l.{LANDED_SEQ}"
    )


def _path(steps: tuple[Step, ...]) -> str:
    quoted = (f"[{step}]" if isinstance(step, int) else '."' + step.replace('"', '\\"') + '"' for step in steps)
    return f"${''.join(quoted)}"


def _compared(seen: FeatureView, picked: str) -> str:
    names = seen.build.features
    again = seen.of_project("features", seen.build.sql)
    differ = ", ".join(
        f"CASE WHEN n.{identifier(name)} IS DISTINCT FROM a.{identifier(name)} THEN {literal(name)} END"
        for name in names
    )
    return (
        f"SELECT {seen.numbers}, coalesce(n_differ, 'there is no row') AS differs FROM"
        f" (SELECT {seen.numbers}, a.__made, nullif(concat_ws(', ', {differ}), '') AS n_differ"
        f" FROM {picked} AS n LEFT JOIN (SELECT {seen.numbered}, true AS __made, * FROM {again}) AS a"
        f" USING ({seen.numbers})) WHERE n_differ IS NOT NULL OR __made IS NULL"
    )


def check_labels(seen: FeatureView) -> Iterator[Finding]:
    """Labels are those that the parents give, known since when they say, and not before their record had landed."""
    names = (*seen.build.label_columns, LABEL_KNOWN_AT)
    ours = ", ".join(f"n.{identifier(name)}" for name in names)
    theirs = ", ".join([*(f"l.__l{place}" for place in range(len(seen.build.label_columns))), "l.__known"])
    wrong = seen.table(
        "wrong_labels",
        f"SELECT {seen.numbers}, n.{LABEL_KNOWN_AT}, l.__known AS known_since"
        f" FROM {seen.rows} AS n LEFT JOIN {seen.labels} AS l USING ({seen.numbers})"
        f" WHERE row({ours}) IS DISTINCT FROM row({theirs})",
    )
    yield seen.finding(LABELS, wrong, seen.count(seen.rows), "rows have other labels, or know them at another time")
