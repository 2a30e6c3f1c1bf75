"""dbt-duckdb's plugin of the workbench: it prepares every database that dbt opens. It knows no project."""

import json
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from .workbench import prepare_connection


class Plugin(BasePlugin):  # type: ignore[misc]
    """Runs the setup statements, which the profile holds as hexadecimal JSON so that Jinja leaves them alone."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self.setup: list[str] = json.loads(bytes.fromhex(plugin_config["setup"]))

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        prepare_connection(conn, self.setup)
