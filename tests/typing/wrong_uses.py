"""Mistakes that mypy must find: each line says which."""

from orchestrator_platform import Platform, python_table
from orchestrator_platform.errors import UnknownAsset

Platform.open().read("marts.totals", 1)  # expect: misc
Platform.open().read("marts.totals", version="1")  # expect: arg-type
Platform.open().at("yesterday")  # expect: arg-type
UnknownAsset(name="marts.x")  # expect: call-arg
python_table(key="marts.totals", parents={})  # expect: call-arg
