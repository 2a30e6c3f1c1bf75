"""A shop as an analyst meets it: a month of orders, tables of customers and revenue, and the files that make it so."""

import csv
import io
import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from small_project import AGENT_FILES, DBT_PROJECT, write, write_files

COLUMNS = ("order_id", "ordered_on", "customer", "country", "amount", "status")
FIRST_DAY, N_DAYS = date(2026, 5, 1), 30
CONTRACT = "shop/defs/orders/contract.py"

FILES = (
    AGENT_FILES
    | DBT_PROJECT
    | {
        "pyproject.toml": """
            [tool.orchestrator]
            defs = "shop/defs"
            dbt_project = "dbt"
        """,
        "shop/defs/orders/defs.yaml": """
            type: orchestrator_platform.components.SourceComponent
            attributes:
              name: orders
              asset: raw.orders
              contract: contract.py:Orders
              description: Every order as it came in, one row each, from the web shop's daily files.
              pattern: ["**/*.csv"]
              format: csv
              max_bad_share: 0.5
              plots:
                countries: {column: country, description: Orders by country.}
                statuses: {column: status, over: ordered_on, by: week, description: How far a week's orders got.}
        """,
        CONTRACT: '''
            """What an order promises."""

            import pandera.pandas as pa


            class Orders(pa.DataFrameModel):
                order_id: int = pa.Field(ge=1, description="The order's number.")
                ordered_on: str = pa.Field(str_matches="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="The day.")
                customer: str = pa.Field(description="Who ordered.", metadata={"pii": True})
                country: str = pa.Field(description="Where to, two letters.")
                amount: float = pa.Field(ge=0, description="In euros, without tax.")
                status: str = pa.Field(isin=["open", "paid", "shipped"], description="How far it got.")

                class Config:
                    strict = True
                    metadata = {"grain": "none"}
        ''',
        "shop/defs/tables/defs.yaml": """
            type: orchestrator_platform.components.DbtTablesComponent
            attributes: {}
        """,
        "dbt/models/sources.yml": """
            sources:
              - name: raw
                schema: raw
                tables:
                  - name: orders
        """,
        "dbt/models/daily_orders.sql": """
            select ordered_on::date as day, status, count(*) as n_orders, sum(amount) as revenue
            from {{ source('raw', 'orders') }}
            group by all
        """,
        "dbt/models/countries.sql": """
            select country, count(*) as n_orders, sum(amount) as revenue
            from {{ source('raw', 'orders') }}
            group by country
        """,
        "dbt/models/revenue.sql": """
            select day, sum(n_orders)::bigint as n_orders, sum(revenue) as revenue
            from {{ ref('daily_orders') }}
            group by day
        """,
        "dbt/models/models.yml": """
            models:
              - name: daily_orders
                description: Orders of each day and status, with their revenue.
                config:
                  meta:
                    grain: [day, status]
                columns:
                  - {name: day, data_type: date, description: The day of the orders., data_tests: [not_null]}
                  - {name: status, data_type: varchar, description: "open, paid or shipped."}
                  - {name: n_orders, data_type: bigint, description: How many.}
                  - {name: revenue, data_type: double, description: In euros.}
              - name: countries
                description: Where orders go to. A country that the shop does not serve is a mistake.
                config: {meta: {grain: [country]}}
                columns:
                  - name: country
                    data_type: varchar
                    description: Two letters.
                    data_tests: [{accepted_values: {arguments: {values: [AT, DE, FR, IT]}}}]
                  - {name: n_orders, data_type: bigint, description: How many.}
                  - {name: revenue, data_type: double, description: In euros.}
              - name: revenue
                description: What each day brought.
                config: {meta: {grain: [day], rows: {subset_of: {parent: marts.daily_orders, "on": [day]}}}}
                columns:
                  - {name: day, data_type: date, description: The day., data_tests: [not_null]}
                  - {name: n_orders, data_type: bigint, description: How many.}
                  - {name: revenue, data_type: double, description: In euros.}
        """,
    }
)

Order = tuple[int, str, str, str, float, str]


def make_shop(project: Path) -> Path:
    """Writes the project and returns its folder."""
    return write_files(project, FILES)


def orders(days: range, per_day: int = 20) -> Iterator[Order]:
    """Yields orders of these days of the month, the same ones each time; the later, the fewer of them are shipped."""
    dice = random.Random(7)  # noqa: S311 - orders, not secrets
    for day in days:
        for number in range(per_day):
            status = dice.choices(["open", "paid", "shipped"], [1 + day, 12, 31 - day])[0]
            country = dice.choices(["AT", "DE", "FR", "IT"], [1, 5, 3, 2])[0]
            on = (FIRST_DAY + timedelta(days=day)).isoformat()
            yield (
                1 + day * per_day + number,
                on,
                f"customer {dice.randint(1, 60)}",
                country,
                round(dice.lognormvariate(3, 1), 2),
                status,
            )


def drop(home: Path, name: str, *rows: Order) -> Path:
    """Puts a file of orders into landing, whose writer is long done."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([COLUMNS, *rows])
    file = write(home / "landing" / "orders" / name, text.getvalue())
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return file
