"""What HTTP servers say beside their answers."""

import math
import time
from email.utils import parsedate_to_datetime


def asked_wait(retry_after: str | None) -> float | None:
    """Returns the seconds that a server asks to wait by the header Retry-After, a number or a date; `None` where it
    asks for nothing that can be done.
    """
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
