"""What checking the records finds."""

from carrel_site.core.errors import Unavailable


class Broken(Exception):
    """The first thing found that contradicts the rest."""


class VerificationBusy(Unavailable):
    title = "A verification is under way"
    advice = "Wait until it has ended; one at a time is enough for a server."
