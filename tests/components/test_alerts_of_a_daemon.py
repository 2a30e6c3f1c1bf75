"""People are told by a running daemon of what becomes late, waits for a person, or could not be copied: once each, and
again only where it ended and came back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import SensorInstigatorData
from receivers import Hook, hook
from served_home import ServedHome, serve, wait_until

from orchestrator_platform.gate.context import Gate, utc_now
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.operations.records_of import quarantine
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.settings import load_settings

SENSOR = "alerts"
LAGGING = "lagging:local:embeddings.names"
ALERTS = """
type: orchestrator_platform.components.AlertsComponent
attributes:
  project: shop
  about: [escalated, late, lagging]
  channels: [{{kind: webhook, url: '{url}'}}]
"""
