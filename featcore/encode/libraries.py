"""Whether the model libraries are here; imports none of them."""

import sys
import threading

IMPORTING = threading.Lock()
"""Held while the model libraries are imported: two threads that import transformers at once can each find the other's
half of it."""


def loaded() -> bool:
    """Whether the model libraries are imported as a whole; what a thread sees while another imports them is a part."""
    return not IMPORTING.locked() and "featcore.encode.loading" in sys.modules
