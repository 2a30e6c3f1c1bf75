"""What every error has in common: a stable code, an exit code, and whether a retry can help."""

from typing import ClassVar

EXIT_NO, EXIT_MISUSE, EXIT_FAULT = 1, 2, 3


class OrchestratorError(Exception):
    """An error that a person or an agent can act on.

    `code` is stable, `retryable` says whether the same call can succeed later without a change.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_FAULT
    retryable: ClassVar[bool] = False


class Misuse(OrchestratorError):
    code = "misuse"
    exit_code = EXIT_MISUSE


class Refusal(OrchestratorError):
    code = "refused"
    exit_code = EXIT_NO


class Fault(OrchestratorError):
    code = "fault"
    exit_code = EXIT_FAULT
