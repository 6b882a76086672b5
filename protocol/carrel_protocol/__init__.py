"""What the client, the site and its workers agree on.

Wire models, the query plan, sensitivities, job specifications, error codes and canonical
hashing. Nothing here does I/O, and nothing here imports more than pydantic.
"""

PROTOCOL_VERSION = 1
