"""Which texts are embedded together: equal ones once, those of like length side by side. Knows no engine."""

from collections.abc import Iterator, Mapping, Sequence

# Texts are tokenised and put in order so many at a time: enough to sort well, few enough to hold.
WINDOW = 8_192
_GOLDEN = 0.6180339887498949


def windows(texts: Sequence[str]) -> Iterator[Mapping[str, list[int]]]:
    """Yields the different texts with the places at which each stands, a window of places at a time.

    A text that stands in two windows is embedded twice, to the same vector.
    """
    for start in range(0, len(texts), WINDOW):
        places: dict[str, list[int]] = {}
        for place in range(start, min(start + WINDOW, len(texts))):
            places.setdefault(texts[place], []).append(place)
        yield places


def batches_by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Returns batches of places: of like length inside, so that little is padded; long and short ones in turn, so that
    the texts per second of the first batches tell how long the rest will take.
    """
    ordered = sorted(range(len(lengths)), key=lambda place: lengths[place])
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    turns = sorted(range(len(batches)), key=lambda number: (number * _GOLDEN) % 1)
    return [batches[number] for number in turns]
