"""One build, step by step."""

TABLE = "{{ config(materialized='table') }} "
ORDERS = "CREATE TABLE raw.orders AS SELECT * FROM (VALUES (1, 10), (2, 20)) t(id, amount)"
SOURCES = """
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}]
"""


def test_a_table_and_what_reads_it_are_built_over_the_lake(shop):
    shop.sql(ORDERS)
    shop.write(
        {
            "models/sources.yml": SOURCES,
            "models/big.sql": TABLE + "select * from {{ source('raw', 'orders') }} where amount > 10",
            "models/total.sql": "{{ config(materialized='view') }} select sum(amount) as total from {{ ref('big') }}",
        }
    )
    workbench = shop.new_workbench()
    built = shop.build(workbench)
    assert {node.status for node in built.values()} == {"success"}, built
    assert shop.rows(workbench, built["big"].relation) == [(2, 20)]
    assert shop.rows(workbench, built["total"].relation) == [(20,)]
    assert built["big"].form == "whole"
