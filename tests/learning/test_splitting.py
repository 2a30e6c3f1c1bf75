import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.errors import EmbedderUnusable
from orchestrator_platform.learning import splitting
from orchestrator_platform.learning.http_embedder import count_pieces
from orchestrator_platform.learning.splitting import piece_places, split_text

WORDS = st.lists(st.text(alphabet="abcdefghij é安.\n", max_size=12), max_size=80).map(" ".join)


def split(text: str, budget: int, overlap: int = 0) -> list[str]:
    return split_text(text, budget, overlap, count_pieces)


@settings(max_examples=80, deadline=None)
@given(text=WORDS, budget=st.integers(2, 20), share=st.floats(0, 0.9))
def test_pieces_are_small_enough_stand_in_the_text_and_leave_no_word_out(text: str, budget: int, share: float) -> None:
    overlap = min(int(budget * share), budget - 1)
    places = list(piece_places(text, budget, overlap, count_pieces))
    for (start, end), (after, _) in pairwise([(0, 0), *places, (len(text), len(text))]):
        assert not text[end:after].strip()
        assert len(count_pieces(text[start:end])) <= budget
    assert places == sorted(set(places))
    if len(count_pieces(text)) > budget:
        assert split(text, budget, overlap) == [text[start:end] for start, end in places]


def test_a_text_that_fits_comes_back_whole() -> None:
    assert split("  three short words\n", 50) == ["  three short words\n"]


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_text_without_words_is_one_piece(text: str) -> None:
    assert split(text, 5) == [text]


def test_neighbours_share_what_was_asked_for() -> None:
    pieces = split(" ".join("abcdefghijkl"), 4, 2)
    assert pieces == ["a b c d", "c d e f", "e f g h", "g h i j", "i j k l"]


def test_pieces_begin_and_end_with_words() -> None:
    pieces = split("abcdefgh ijklmnop qrstuvwx", 3)
    assert pieces == ["abcdefgh", "ijklmnop", "qrstuvwx"]


def test_a_word_that_is_longer_than_a_piece_is_cut() -> None:
    assert split("a" * 20, 2) == ["a" * 8, "a" * 8, "a" * 4]


def test_a_text_of_many_windows_is_split_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"word{number}" for number in range(500))
    whole = split(text, 20, 4)
    monkeypatch.setattr(splitting, "_WINDOW", 300)
    assert split(text, 20, 4) == whole
    assert len(whole) > 50


def test_a_window_of_white_space_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "_WINDOW", 10)
    assert split("one" + " " * 50 + "two", 3) == ["one", "two"]


@pytest.mark.parametrize(("budget", "overlap"), [(0, 0), (4, 4), (4, -1)])
def test_pieces_that_could_not_move_on_are_refused(budget: int, overlap: int) -> None:
    with pytest.raises(EmbedderUnusable, match=re.escape(f"pieces of {budget} tokens cannot overlap by {overlap}")):
        split("some text", budget, overlap)
