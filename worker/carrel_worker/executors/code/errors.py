"""Why approved code is not run, or what it left behind is not kept."""


class CodeRefused(Exception):
    """The job is not carried out: something is not what was approved, or is not here."""


class ContentChanged(CodeRefused):
    """The content is not what its hash, and so every approval, is about."""


class GrantsDiffer(CodeRefused):
    """There is not one grant for each dataset, in their order."""


class EnvironmentChanged(CodeRefused):
    """The environment's lock on this worker is another than the one that was approved."""


class BadResult(Exception):
    """What the code returned is no data in one of the formats that are let out."""


class TooLarge(BadResult):
    """What the code returned is more than its limit lets out."""
