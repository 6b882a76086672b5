"""Random identifiers: a prefix that says what it is, and 120 random bits."""

import base64
import secrets


def new_id(prefix: str) -> str:
    """An id such as `run_k3v5…`; it reveals neither order nor time."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(15)).decode().lower()}"
