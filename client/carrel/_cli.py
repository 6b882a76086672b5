"""The `carrel` command's entry point, which a bare `pip install carrel` has too.

The command itself belongs to the site. The client must not import the site, so it is looked up
by name, as a plugin is.
"""

import importlib
import sys

_COMMAND = "carrel_site.cli"
_ADVICE = """\
The carrel command runs a site, and this installation holds the client alone.
  To run a site:  pip install 'carrel[site]'
  To use one, nothing more is needed:  python -c 'import carrel; help(carrel.connect)'"""


def main() -> None:
    """Run the site's command line; without the `site` extra, say what to install and exit 2."""
    try:
        command = importlib.import_module(_COMMAND)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{_ADVICE}\n(missing: {error.name})\n")
        sys.exit(2)
    command.main()
