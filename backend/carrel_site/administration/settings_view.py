"""The settings in force, as the owner sees them: without a password, grouped, and explained.

What stands in a URL beside its host, port and path is left out, whichever setting it is: that is
where passwords are. Descriptions are those that stand beside the settings themselves.
"""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from carrel_protocol.api.site import Setting, SettingGroup
from carrel_site.settings import Settings

GROUPS: dict[str, tuple[str, ...]] = {
    "Site": ("site_name", "site_url", "host", "port"),
    "Services": ("database_url", "owner_database_url", "broker_url", "database_pool_size"),
    "Files": ("data_dir", "storage_dir", "secrets_dir", "anchors_file", "spend_journal_file"),
    "Sessions": ("session_idle_hours", "session_hours"),
    "Uploads": (
        *("upload_max_bytes", "upload_max_concurrent", "upload_max_open"),
        *("upload_expires_hours", "upload_expanded_max_bytes", "disk_reserve_bytes"),
    ),
    "Code": ("mock_runs_at_once", "mock_runs_an_hour", "black_box_exclusive"),
    "Limits": ("request_max_bytes", "result_max_bytes", "worker_lease_seconds", "api_threads"),
    "E-mail": ("smtp_url", "smtp_from"),
    "Logs": ("log_level",),
}
OTHER = "Other"
_BELOW_DATA = "in the data directory"


def groups(settings: Settings) -> tuple[SettingGroup, ...]:
    """Every setting once; one that no group names stands under `OTHER`."""
    placed = {name for names in GROUPS.values() for name in names}
    fields = type(settings).model_fields
    others = tuple(name for name in fields if name not in placed)
    return tuple(
        SettingGroup(
            title=title,
            settings=tuple(
                _setting(settings, name, fields[name]) for name in names if name in fields
            ),
        )
        for title, names in (*GROUPS.items(), (OTHER, others))
        if names
    )


def _setting(settings: Settings, name: str, field: FieldInfo) -> Setting:
    value = getattr(settings, name)
    derived = field.default == Path()
    changed = value.parent != settings.data_dir if derived else _differs(value, field.default)
    return Setting(
        name=f"CARREL_{name.upper()}",
        value=_shown(value),
        default=_BELOW_DATA if derived else _shown(field.default),
        changed=changed,
        description=" ".join((field.description or "").split()),
    )


def _differs(value: object, default: object) -> bool:
    if isinstance(default, Path) and isinstance(value, Path):
        return value != default.absolute()
    return value != default


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = str(value)
    return _address(text) if "://" in text else text


def _address(url: str) -> str:
    """A URL's scheme, host, port and path, and whom it signs in as."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "[hidden]"
    user = f"{parts.username}@" if parts.username else ""
    where = f"{host}:{port}" if port is not None else host
    return f"{parts.scheme}://{user}{where}{parts.path}"
