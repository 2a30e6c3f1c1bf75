"""What may go by when something is pulled, and how much is told of in errors."""


class PassingFailure(Exception):
    """What asking again may help with; `wait_seconds` is how long the other side asks to wait."""

    def __init__(self, problem: str, wait_seconds: float | None = None) -> None:
        super().__init__(problem)
        self.wait_seconds = wait_seconds


def told_megabytes(n_bytes: int) -> str:
    """Returns `0.01 MB`, `4,096 MB`."""
    return f"{n_bytes / 1024**2:,.3f}".rstrip("0").rstrip(".") + " MB"
