"""`carrel openapi`: the API's description, of this version, without a site."""

import json
import tempfile
from pathlib import Path

from carrel_site.app import create_app
from carrel_site.embedded.secrets import ensure_secrets
from carrel_site.settings import Settings
from carrel_site.site import Site


def document() -> str:
    """The OpenAPI document as JSON. Connects to nothing; its secrets are thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        ensure_secrets(Path(folder) / "secrets")
        site = Site.open(Settings(data_dir=Path(folder)))
        try:
            return json.dumps(create_app(site).openapi(), indent=1, sort_keys=True)
        finally:
            site.close()
