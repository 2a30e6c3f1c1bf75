"""Pictures: what is written into them is text, and they are small."""

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from orchestrator_platform.projections.pictures import as_markdown, draw_figures, draw_map

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert("x")</script>&<b>](javascript:alert(1))'


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314  # drawn a moment ago


def texts_in(picture: str) -> list[str]:
    return ["".join(element.itertext()) for element in parsed(picture).iter(f"{SVG}text")]


def test_a_map_has_a_dot_for_each_text_and_those_that_are_marked_in_red() -> None:
    places = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    marked = np.arange(50) % 5 == 0
    picture = draw_map(places, marked, ["40 texts", "10 that answer"], {3: "1"})
    grey, red = parsed(picture).iter(f"{SVG}path")
    assert (grey.attrib["d"].count("M"), red.attrib["d"].count("M")) == (40, 10)
    assert texts_in(picture) == ["1", "● 40 texts", "● 10 that answer"]
    where = [float(n) for n in re.findall(r"[\d.]+(?=[ h])", grey.attrib["d"])]
    assert 0 < min(where) <= max(where) < 640


def test_a_map_of_as_many_texts_as_are_shown_is_small() -> None:
    places = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    picture = draw_map(places, np.zeros(2000, dtype=np.bool_), ["2,000 texts"], {})
    assert len(as_markdown(picture, "map")) < 60_000


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_map_of_hardly_any_texts_can_be_drawn(n: int) -> None:
    picture = draw_map(np.zeros((n, 2), dtype=np.float32), np.zeros(n, dtype=np.bool_), [f"{n} texts"], {})
    assert parsed(picture) is not None
    assert "nan" not in picture


def test_hostile_words_stay_words() -> None:
    places = np.zeros((1, 2), dtype=np.float32)
    for picture in (
        draw_map(places, np.zeros(1, dtype=np.bool_), [HOSTILE], {0: HOSTILE}),
        draw_figures([1], {HOSTILE: [0.5]}),
    ):
        assert any(HOSTILE in text for text in texts_in(picture))
        assert not list(parsed(picture).iter(f"{SVG}script"))
    shown = as_markdown("<svg/>", HOSTILE)
    assert shown.count("](") == 1
    assert "<" not in shown
    assert base64.b64decode(shown.split("base64,")[1].removesuffix(")")) == b"<svg/>"


def test_figures_are_drawn_over_versions_with_their_last_value() -> None:
    picture = draw_figures([1, 2, 5], {"ndcg": [0.7, 0.8, 0.9], "mrr": [0.6, 0.6, 0.65]})
    ndcg, mrr = (line.attrib["points"].split() for line in parsed(picture).iter(f"{SVG}polyline"))
    heights = [float(point.split(",")[1]) for point in ndcg]
    assert heights == sorted(heights, reverse=True)
    assert len(mrr) == 3
    assert {"ndcg 0.900", "mrr 0.650", "@1", "@2", "@5"} <= set(texts_in(picture))


def test_many_versions_do_not_write_over_each_other() -> None:
    picture = draw_figures(range(1, 41), {"ndcg": [0.9] * 40})
    shown = [text for text in texts_in(picture) if text.startswith("@")]
    assert len(shown) <= 10
    assert shown[-1] == "@40"


def test_perfect_and_hopeless_figures_stay_in_the_picture() -> None:
    picture = draw_figures([1, 2], {"ndcg": [0.0, 1.0]})
    (line,) = parsed(picture).iter(f"{SVG}polyline")
    assert all(0 < float(point.split(",")[1]) < 260 for point in line.attrib["points"].split())
