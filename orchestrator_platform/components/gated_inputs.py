"""Which published versions a step was given: the I/O manager says so where it loads an input, receipts name them."""

from typing import Any

import dagster as dg

from ..projections.dagster_values import platform_key
from ..records.candidates import ParentRead
from ..records.keys import Version

VERSION, DATA_VERSION, ASSET = "version", "data_version", "asset"


def versions_loaded(instance: dg.DagsterInstance, run_id: str, step: str) -> tuple[ParentRead, ...]:
    """Returns what was loaded through the gate's I/O manager for a step."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.LOADED_INPUT)
    found = {}
    for entry in events:
        event = entry.dagster_event
        if event is None or event.step_key != step:
            continue
        loaded: Any = event.event_specific_data
        said = loaded.metadata
        if said and ASSET in said and VERSION in said:
            asset = platform_key(dg.AssetKey.from_user_string(str(said[ASSET].value)))
            found[asset] = ParentRead(
                asset=asset, version=Version(int(said[VERSION].value)), data_version=str(said[DATA_VERSION].value)
            )
    return tuple(found.values())
