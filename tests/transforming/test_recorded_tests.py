"""Data tests that dbt ran once are judged without dbt, and say the same."""

import pytest

from orchestrator_platform.transforming import dbt_workbench, recorded_tests

BIG = "select id, amount from {{ source('raw', 'orders') }} where amount > 10"

TESTED = """
version: 2
models:
  - name: big
    columns:
      - name: id
        data_tests: [unique]
      - name: amount
        data_tests:
          - not_null: {config: {severity: warn}}
          - not_null: {name: few_without_amount, config: {error_if: "> 40"}}
          - accepted_values: {arguments: {values: [5]}}
"""
CLOCK = "select * from {{ ref('big') }} where '{{ run_started_at }}' < '2000'"
LOOKS = "{% if execute %}{% do run_query('select 1') %}{% endif %} select * from {{ ref('big') }} where id is null"
BROKEN = "select nothing from {{ ref('big') }}"


@pytest.fixture
def tested(orders):
    orders.write({"models/big.sql": BIG, "models/tests.yml": TESTED, "tests/clock.sql": CLOCK})
    orders.write({"tests/looks.sql": LOOKS, "tests/broken.sql": BROKEN})
    workbench = orders.new_workbench()
    orders.publish(workbench, orders.build(workbench))
    orders.sql("INSERT INTO marts.big SELECT 100 + range, NULL FROM range(30)")
    return orders


def judged(results):
    return {
        name: (r.status, r.n_failing, len(r.sample), r.compiled_sql) for name, r in results.items() if name != "clock"
    }


def count_dbt_calls(monkeypatch):
    asked = []
    run = dbt_workbench._run
    monkeypatch.setattr(dbt_workbench, "_run", lambda call, command, chosen, m: asked.extend(chosen) or run(
        call, command, chosen, m
    ))  # fmt: skip
    return asked


def test_a_test_that_dbt_ran_once_is_judged_the_same_without_dbt(tested, monkeypatch):
    asked = count_dbt_calls(monkeypatch)
    first = tested.test(tested.new_workbench())
    assert {name for name, result in first.items() if result.status == "fail"} == {
        name for name in first if name.startswith("accepted_values")
    }
    assert len(asked) == len(first)
    asked.clear()
    second = tested.test(tested.new_workbench())
    assert judged(second) == judged(first)
    assert {unique_id.split(".")[2] for unique_id in asked} == {"clock", "looks", "broken"}


def test_a_recorded_test_judges_the_rows_of_now(tested):
    tested.test(tested.new_workbench())
    tested.sql("DELETE FROM marts.big WHERE amount IS NULL")
    tested.sql("INSERT INTO marts.big SELECT 7, 11 FROM range(2)")
    results = {name.split("_big_")[0]: result for name, result in tested.test(tested.new_workbench()).items()}
    assert (results["unique"].status, results["not_null"].status) == ("fail", "pass")


def test_a_changed_test_is_run_by_dbt_again(tested, monkeypatch):
    tested.test(tested.new_workbench())
    tested.write({"models/tests.yml": TESTED.replace("[5]", "[5, 6]")})
    asked = count_dbt_calls(monkeypatch)
    results = tested.test(tested.new_workbench())
    assert len(asked) == len(results)


def test_a_project_with_hooks_is_always_run_by_dbt(tested, monkeypatch):
    project = tested.root / "dbt_project.yml"
    project.write_text(project.read_text() + '\non-run-start: ["create table if not exists seen as select 1"]\n')
    tested.test(tested.new_workbench())
    asked = count_dbt_calls(monkeypatch)
    assert len(tested.test(tested.new_workbench())) == len(asked)


@pytest.mark.parametrize("content", [b"", b"[{", b"[1]", b'[{"unique_id": "x"}]', b"\xff"])
def test_a_damaged_record_counts_as_none(tmp_path, content):
    (tmp_path / recorded_tests.FILE).write_bytes(content)
    assert recorded_tests.load_recorded_tests(tmp_path) == {}


def test_a_recorded_test_over_a_missing_table_is_an_error(tested):
    tested.test(tested.new_workbench())
    results = tested.test(tested.new_workbench(), relations={})
    assert {result.status for result in results.values()} == {"error"}
