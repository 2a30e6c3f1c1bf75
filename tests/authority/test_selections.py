"""Selections mean what Dagster says they mean, and what is not supported is refused with its position."""

import re
import time
import warnings
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.authority.selection_syntax import LENGTH_LIMIT, NESTING_LIMIT, parse_selection
from orchestrator_platform.authority.selections import Selectable, select_assets
from orchestrator_platform.records.keys import AssetKey


def asset(key: str, group: str, kinds: str = "", parents: str = "") -> Selectable:
    return Selectable(AssetKey(key), group, tuple(kinds.split()), tuple(AssetKey(parent) for parent in parents.split()))


ASSETS = (
    asset("raw.cve_record", "raw", "json"),
    asset("raw.kev", "raw", "csv"),
    asset("raw.sensor", "raw2", "csv"),
    asset("staging.cve", "staging", "dbt duckdb", "raw.cve_record"),
    asset("staging.cve_history", "staging", "dbt duckdb", "raw.cve_record"),
    asset("staging.kev", "staging", "dbt duckdb", "raw.kev"),
    asset("marts.dim_vulnerability", "marts", "dbt duckdb", "staging.cve staging.cve_history"),
    asset("marts.dim_product", "marts", "dbt duckdb", "staging.cve"),
    asset("marts.fct_assessment", "marts", "dbt duckdb", "staging.cve_history marts.dim_vulnerability"),
    asset("marts.triage", "marts", "dbt duckdb", "marts.fct_assessment marts.dim_vulnerability staging.kev"),
    asset("embeddings.advisory", "embeddings", "weaviate", "marts.dim_vulnerability"),
    asset("scores.triage", "scores", "python", "embeddings.advisory marts.triage"),
)


@cache
def dagster_graph() -> object:
    import dagster as dg
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

    definitions = []
    for one in ASSETS:
        spec = dg.AssetSpec(
            key=[one.key.schema, one.key.name],
            group_name=one.group,
            kinds=set(one.kinds),
            deps=[dg.AssetKey([parent.schema, parent.name]) for parent in one.parents],
        )
        definitions.append(dg.multi_asset(specs=[spec], name=f"{one.key.schema}_{one.key.name}")(lambda: None))
    return AssetGraph.from_assets(definitions)


def by_dagster(selection: str) -> frozenset[str]:
    import dagster as dg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        resolved = dg.AssetSelection.from_string(selection).resolve(dagster_graph())  # type: ignore[arg-type]
    return frozenset(".".join(key.path) for key in resolved)


names = st.sampled_from(
    [
        *(f"{field}:{value}" for field in ("key", "group", "kind") for value in ("raw", "dbt", "marts", "triage", "x")),
        *(f"key:{one.key.replace('.', '/')}" for one in ASSETS),
        *(f"group:{one.group}" for one in ASSETS),
        *("key:marts/*", "key:*triage", "key:*/cve*", 'key:"*"', 'key:"raw/*e*"', "key:**", 'key:"staging/kev"'),
        *('group:"raw*"', 'group:"*"', 'group:"marts"', "kind:csv", 'kind:"duckdb"', 'kind:"d*"', "group : raw"),
    ]
)
digits = st.sampled_from(["", "", "0", "1", "2", "3", "07"])


@st.composite
def around(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    up = draw(st.sampled_from(["", "+"]))
    down = draw(st.sampled_from(["", "+"]))
    return (draw(digits) + up if up else "") + draw(inner) + (down + draw(digits) if down else "")


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joiner = st.sampled_from([" and ", " or ", " AND ", "\n or\t", " and not "])
    return st.one_of(
        st.builds("{}{}{}".format, inner, joiner, inner),
        st.builds("not {}".format, inner),
        around(st.builds("({})".format, inner)),
        st.builds(" ( {} ) ".format, inner),
    )


expressions = st.recursive(st.one_of(names, around(names), st.just("*")), compound, max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_a_selection_means_what_dagster_says(selection: str) -> None:
    assert select_assets(selection, ASSETS) == by_dagster(selection)


SOUP = """
    key group kind key: group: : and or not NOT Or * + 1 02 ( ) raw marts/* raw/kev "raw" "*" " sinks roots tag:x=y
    owner sensor = / - is <null> "" key:raw/kev group:marts kind:dbt a*b ** _x 1a é
"""
soup = st.lists(st.sampled_from([*SOUP.split(), "\f", "\u00a0", "\n"]), max_size=9)


@settings(max_examples=1500, deadline=None)
@given(soup, st.sampled_from(["", " "]))
def test_whatever_is_accepted_dagster_accepts_too_with_the_same_answer(tokens: list[str], joiner: str) -> None:
    selection = joiner.join(tokens)
    try:
        selected = select_assets(selection, ASSETS)
    except ValueError:
        return
    assert selected == by_dagster(selection)


@pytest.mark.parametrize(
    ("selection", "position"),
    [
        ("", 1),
        ("  ", 3),
        ("group:raw and", 14),
        ("group:raw group:marts", 11),
        ("key:raw.kev", 8),
        ("key:*", 5),
        ("group:r*", 7),
        ("group:not", 7),
        ('group:""', 7),
        ("marts/triage", 1),
        ("tag:x=y", 6),
        ("sinks(group:raw)", 1),
        ("+*", 2),
        ("*+", 2),
        ("++group:raw", 2),
        ("2group:raw", 2),
        ("(group:raw", 11),
        ("group:raw)", 10),
        ('key:"raw', 5),
        ('key:"a\\"b"', 5),
        ("owner:me", 1),
    ],
)
def test_what_is_not_supported_is_refused_at_its_position(selection: str, position: int) -> None:
    with pytest.raises(ValueError, match=rf"position {position}\b.*supported are"):
        parse_selection(selection)


def test_an_asset_written_with_a_dot_gets_a_hint() -> None:
    with pytest.raises(ValueError, match="key:schema/name"):
        parse_selection("key:raw.kev")


def test_long_and_deep_selections_are_refused() -> None:
    with pytest.raises(ValueError, match="characters"):
        parse_selection("group:raw or " * LENGTH_LIMIT)
    for opening, closing in (("(", ")"), ("not ", "")):
        deep = opening * (NESTING_LIMIT + 1) + "*" + closing * (NESTING_LIMIT + 1)
        with pytest.raises(ValueError, match="levels"):
            parse_selection(deep)
        assert select_assets(deep.removeprefix(opening).removesuffix(closing), ASSETS)


def test_many_wildcards_take_no_time() -> None:
    long = asset("raw." + "a" * 60, "raw")
    started = time.process_time()
    assert select_assets(f'key:"{"*a" * 40}b"', [long]) == frozenset()
    assert time.process_time() - started < 0.1


def test_a_selection_as_long_as_allowed_is_answered() -> None:
    longest = " or ".join(["key:a"] * (LENGTH_LIMIT // 9))
    assert select_assets(longest, ASSETS) == frozenset()


def test_parents_that_are_no_assets_do_not_count() -> None:
    lonely = asset("staging.cve", "staging", parents="raw.elsewhere")
    assert select_assets("+key:staging/cve", [lonely]) == {lonely.key}


@settings(max_examples=500)
@given(st.text("ab", max_size=8), st.text("ab*", min_size=1, max_size=8))
def test_a_wildcard_stands_for_any_text(name: str, pattern: str) -> None:
    one = asset(f"x.n{name}", "x")
    expected = re.fullmatch("x/n" + re.escape(pattern).replace(r"\*", ".*"), f"x/n{name}") is not None
    assert bool(select_assets(f'key:"x/n{pattern}"', [one])) is expected
