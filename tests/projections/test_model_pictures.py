"""Pictures of models are well-formed whatever is in them, and leave gaps where nothing is known."""

import json
from math import nan
from xml.etree import ElementTree as ET

import pytest

from orchestrator_platform.projections.dagster_models import monitor_metadata, portrait_metadata, search_metadata
from orchestrator_platform.projections.model_pictures import (
    draw_bars,
    draw_calibration,
    draw_cells,
    draw_confusion,
    draw_series,
)
from orchestrator_platform.records.monitors import Measure, MonitorRow
from orchestrator_platform.records.portraits import CalibrationBin, Importance, Portrait

EVIL = '<script>"&\x00'


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own pictures


def texts(picture: str) -> list[str]:
    return [node.text or "" for node in parsed(picture).iter("{http://www.w3.org/2000/svg}text")]


def shapes(picture: str, name: str) -> list[dict[str, str]]:
    return [dict(node.attrib) for node in parsed(picture).iter(f"{{http://www.w3.org/2000/svg}}{name}")]


@pytest.mark.parametrize(
    "picture",
    [
        draw_series([], {}),
        draw_series(["2024-06"], {"a": [None]}),
        draw_series(["2024-06", "2024-07"], {"a <b>": [0.5, nan], "c": [0.5, 0.5]}),
        draw_cells([], [], {}),
        draw_cells(["<f>"], ["2024-06"], {("<f>", "2024-06"): (0.3, 0.2)}),
        draw_calibration([]),
        draw_calibration([(0.1, 0.0, 5), (0.9, 1.0, 0)]),
        draw_confusion(["<no>", "yes"], [[3, 0], [0, 0]]),
        draw_bars({}),
        draw_bars({"<x>": (0.1, 0.01), "y": (-0.02, 0.0), "z": (nan, 0.0)}),
    ],
)
def test_every_picture_is_well_formed(picture: str) -> None:
    assert parsed(picture).tag.endswith("svg")


def test_what_is_beyond_its_limit_is_another_colour_than_what_is_near_it() -> None:
    values = {("a", "m"): (0.3, 0.2), ("b", "m"): (0.19, 0.2), ("c", "m"): (0.3, None)}
    filled = [cell["fill"] for cell in shapes(draw_cells(["a", "b", "c"], ["m"], values), "rect")[1:]]
    assert filled[0] != filled[1] == filled[2]


def test_a_series_says_its_newest_known_value() -> None:
    assert "auc 0.750" in texts(draw_series(["1", "2", "3"], {"auc": [0.5, 0.75, None]}))
    assert len(shapes(draw_series(["1", "2", "3"], {"auc": [0.5, 0.75, None]}), "circle")) == 2


def test_a_bar_that_helps_and_one_that_hurts_lie_on_two_sides_of_nothing() -> None:
    good, bad = shapes(draw_bars({"good": (0.1, 0.0), "bad": (-0.1, 0.0)}), "rect")[1:]
    assert float(good["x"]) == pytest.approx(float(bad["x"]) + float(bad["width"]), abs=0.2)


def test_a_portrait_becomes_three_pictures_with_their_words() -> None:
    portrait = Portrait(
        metric="roc_auc", value=0.8, n=100, n_positive=20, classes=("no", "yes"), threshold=0.4,
        calibration=(CalibrationBin(predicted=0.2, observed=0.1, n=50),), confusion=((70, 10), (5, 15)),
        importances=(Importance(feature="score", mean=0.2, deviation=0.01),),
    )  # fmt: skip
    shown = portrait_metadata(portrait)
    assert shown.keys() == {"calibration_curve", "confusion_matrix", "importance"}
    assert "called from 0.400 on" in shown["confusion_matrix"].value
    assert all("data:image/svg+xml;base64," in each.value for each in shown.values())


def test_trials_are_listed_best_first_and_a_search_that_cannot_be_read_is_left_out() -> None:
    trials = [{"number": n, "value": v, "parameters": {"c": 0.123456, "kind": EVIL}} for n, v in enumerate((0.7, 0.9))]
    shown = search_metadata(json.dumps([*trials, {"number": 2, "value": None}]))
    assert [record.data["trial"] for record in shown["search"].value.records] == ["1", "0"]
    assert shown["trials"] == 3
    assert search_metadata("{") == search_metadata("[]") == search_metadata("7") == {}


def test_a_monitor_shows_drift_and_performance_by_month_and_lists_what_is_beyond() -> None:
    rows = [
        MonitorRow(
            month=month, feature="vendor", measure=Measure.INPUT_DRIFT, value=value, bound=0.25, passed=value < 0.25
        )
        for month, value in (("2024-06", 0.1), ("2024-07", 0.6))
    ]
    rows.append(MonitorRow(month="2024-07", feature="(model)", measure=Measure.REALISED, value=0.8, reference=0.9))
    shown = monitor_metadata(rows)
    assert shown.keys() == {"drift", "performance", "beyond_limits", "findings"}
    assert shown["beyond_limits"] == 1
    assert [record.data["of"] for record in shown["findings"].value.records] == ["vendor"]
    assert monitor_metadata([]) == {}
