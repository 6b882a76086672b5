"""The wheel's build hook: the built console goes in as `carrel_site/_console`."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleMissing(RuntimeError):
    """A wheel without its console would be incomplete, so none is built."""


class ConsoleHook(BuildHookInterface[Any]):
    """Editable installs serve `frontend/dist` from the clone and need nothing built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        built = Path(self.root) / "frontend" / "dist"
        if not (built / "index.html").is_file():
            raise ConsoleMissing(
                f"{built} holds no built console. Build it first:  make console  "
                "(or, with Node 20 or newer:  cd frontend && npm ci && npm run build)"
            )
        build_data["force_include"][str(built)] = "carrel_site/_console"
