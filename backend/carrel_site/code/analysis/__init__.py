"""What reading a program finds: advice for a reviewer. People decide, and the sandbox holds."""

from carrel_site.code.analysis.run import GAVE_UP, analyse

__all__ = ["GAVE_UP", "analyse"]
