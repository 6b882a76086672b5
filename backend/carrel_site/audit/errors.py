"""What checking the records finds."""


class Broken(Exception):
    """The first thing found that contradicts the rest."""
