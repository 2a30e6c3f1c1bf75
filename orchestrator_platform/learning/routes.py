"""Which scores answer for which rows, as one query over the examples and the scores."""

from collections.abc import Collection, Mapping, Sequence

from ..records.keys import AssetKey
from ..records.routing import ABSTAINED, ANSWERED, FALLBACK, MISSING, Route, RoutingOptions
from ..sql import identifier, literal

_SEGMENT = "__segment"
_NO_SCORES = "(SELECT NULL::VARCHAR AS predicted, NULL::DOUBLE AS confidence, NULL::INTEGER AS model_version)"


def routed(
    options: RoutingOptions, examples: str, scores: Mapping[AssetKey, str], slow: Collection[tuple[str, AssetKey]]
) -> str:
    """Returns what can stand after FROM for the routing of every row that is due.

    Args:
        examples: The table of examples, as text that can stand after FROM; `scores` likewise, those that are published.
        slow: Routes, by name, with scores whose model is slower than the route allows.
    """
    keys = ", ".join(identifier(name) for name in options.key)
    segments = " ".join(
        f"WHEN coalesce(({route.where or 'true'}\n), false) THEN {place}" for place, route in enumerate(options.routes)
    )
    due = f"SELECT {keys}, CASE {segments} END AS {_SEGMENT} FROM {examples} WHERE ({options.where or 'true'}\n)"
    parts = [
        _of_route(route, place, keys, scores, frozenset(asset for name, asset in slow if name == route.name))
        for place, route in enumerate(options.routes)
    ]
    nothing = "NULL::VARCHAR, NULL::DOUBLE, NULL::INTEGER"
    parts.append(
        f"SELECT {keys}, NULL::VARCHAR, {literal(MISSING)}, NULL::VARCHAR, 'no route is for it', {nothing}"
        f" FROM due WHERE {_SEGMENT} IS NULL"
    )
    names = f"{keys}, route, outcome, answered_by, cause, predicted, confidence, model_version"
    return f"(WITH due AS ({due}), routed({names}) AS ({' UNION ALL '.join(parts)}) FROM routed)"


def _of_route(route: Route, place: int, keys: str, scores: Mapping[AssetKey, str], slow: Collection[AssetKey]) -> str:
    joins, why = [], []
    for number, asset in enumerate(route.scores):
        on = f"USING ({keys})" if asset in scores else "ON false"
        joins.append(f"LEFT JOIN {scores.get(asset, _NO_SCORES)} AS s{number} {on}")
        why.append(
            f"CASE WHEN s{number}.confidence IS NULL THEN 'missing' WHEN {str(asset in slow).lower()} THEN 'slow'"
            f" WHEN s{number}.confidence < {route.abstain_below} THEN 'unsure' END"
        )
    usable = [f"({one}) IS NULL" for one in why]
    said = [f"{literal(asset + ': ')} || {why[number]}" for number, asset in enumerate(route.scores)]
    before = [f"concat_ws(', ', {', '.join(['NULL', *said[:number]])})" for number in range(len(said))]
    unsure = " OR ".join(f"coalesce(({one}) = 'unsure', false)" for one in why)
    all_of_them = f"concat_ws(', ', {', '.join(said)})"
    outcomes = [literal(ANSWERED if number == 0 else FALLBACK) for number in range(len(said))]
    outcome = f"CASE WHEN {unsure} THEN {literal(ABSTAINED)} ELSE {literal(MISSING)} END"
    cause = f"nullif({_first(usable, before, all_of_them)}, '')"
    answer = [
        _first(usable, [f"s{number}.{column}" for number in range(len(said))])
        for column in ("predicted", "confidence", "model_version")
    ]
    values = [_first(usable, outcomes, outcome), _first(usable, [literal(asset) for asset in route.scores]), cause]
    return (
        f"SELECT {keys}, {literal(route.name)}, {', '.join([*values, *answer])} FROM due {' '.join(joins)}"
        f" WHERE {_SEGMENT} = {place}"
    )


def _first(conditions: Sequence[str], values: Sequence[str], otherwise: str = "NULL") -> str:
    """The value that belongs to the first condition that holds."""
    cases = " ".join(f"WHEN {one} THEN {value}" for one, value in zip(conditions, values, strict=True))
    return f"CASE {cases} ELSE {otherwise} END"
