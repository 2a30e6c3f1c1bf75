"""Columns and bars: what is counted is drawn in proportion, bounded, and nothing in it is taken for markup."""

import re
import xml.etree.ElementTree as ET

from orchestrator_platform.projections.bar_pictures import MOST_BARS, MOST_LABELS, draw_columns, draw_counts

SVG = "{http://www.w3.org/2000/svg}"


def test_columns_are_as_high_as_their_counts_and_stand_on_each_other() -> None:
    drawn = _read(draw_columns(["monday", "tuesday"], {"good": [10, 5], "bad": [0, 5]}))
    good, bad = (_boxes(path) for path in drawn.iter(f"{SVG}path"))
    assert len(good) == 2
    assert len(bad) == 1, "nothing is drawn for nothing"
    heights = [lower - upper for upper, lower in good]
    assert heights[0] == 2 * heights[1]
    assert bad[0][1] == good[1][0], "the second series begins where the first ends"


def test_shares_fill_every_column_whatever_its_total() -> None:
    drawn = _read(draw_columns(["may", "june"], {"a": [1, 300], "b": [1, 100]}, shares=True))
    a, b = (_boxes(path) for path in drawn.iter(f"{SVG}path"))
    assert b[0][0] == b[1][0], "both columns are full"
    assert (a[0][1] - a[0][0]) / (a[1][1] - a[1][0]) == (0.5 / 0.75)
    assert any("a 75%" in "".join(text.itertext()) for text in drawn.iter(f"{SVG}text"))


def test_only_the_newest_labels_are_drawn_and_a_picture_stays_small() -> None:
    labels = [f"2026-{i:04}" for i in range(500)]
    drawn = draw_columns(labels, {f"value {n}": list(range(500)) for n in range(20)})
    assert len(drawn) < 30_000
    assert labels[-1] in drawn
    assert labels[500 - MOST_LABELS - 1] not in drawn


def test_bars_come_greatest_first_and_what_is_beyond_twenty_is_one() -> None:
    drawn = _read(draw_counts({f"reason {n:02}": n for n in range(30)}))
    texts = ["".join(text.itertext()) for text in drawn.iter(f"{SVG}text")]
    assert texts[:2] == ["reason 29", "29"]
    assert texts[-2:] == ["10 others", str(sum(range(10)))]
    assert len(texts) == 2 * (MOST_BARS + 1)


def test_names_are_text_whatever_is_in_them() -> None:
    bad = '</text><script>alert("x")</script>&'
    for drawn in (draw_columns([bad], {bad: [1]}), draw_counts({bad: 1})):
        assert not list(_read(drawn).iter(f"{SVG}script"))


def test_nothing_to_count_is_still_a_picture() -> None:
    for drawn in (draw_columns([], {}), draw_counts({}), draw_columns(["x"], {"a": [0]}, shares=True)):
        assert _read(drawn).tag == f"{SVG}svg"


def _read(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own picture


def _boxes(path: ET.Element) -> list[tuple[float, float]]:
    """The upper and lower edge of each rectangle of a series."""
    found = re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+V([\d.]+)", path.get("d", ""))
    return [(float(upper), float(lower)) for upper, lower in found]
