"""The plain way: stock Dagster, dagster-dbt, pandas and pandera on a DuckDB file. It uses nothing of the platform."""
