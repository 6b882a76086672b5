"""Names and ids in a URL's path."""

from urllib.parse import quote


def quoted(ref: str) -> str:
    """`ref` as one segment of a path, whatever is in it."""
    segment = quote(ref, safe="")
    # A dot segment would be resolved away on the way to the site.
    return segment.replace(".", "%2E") if ref.strip(".") == "" else segment
