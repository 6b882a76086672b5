"""The way to the mail server: TLS, logins, and settings that would give a password away."""

import datetime as dt
import ssl
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from carrel_site.events import outbox
from carrel_site.events.smtp import Mailbox
from carrel_site.settings import Settings
from tests.fixtures.mail_server import Inbox, mail_server
from tests.site.events.emails import rows, send, settings_with
from tests.site.flow.conftest import Flow


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key and certificate for 127.0.0.1, in one file that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    at = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "mail.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _authenticator(*_: Any) -> Callable[..., AuthResult]:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (b"carrel", b"p@ss word")
        return AuthResult(success=right)

    return check


@pytest.mark.parametrize("password", ["p%40ss%20word", "wrong"])
@pytest.mark.parametrize("trusted", [True, False])
def test_starttls_with_a_login(
    flow: Flow,
    inbox: Inbox,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    trusted: bool,
) -> None:
    if not trusted:
        monkeypatch.delenv("SSL_CERT_FILE")
    options: dict[str, Any] = {
        "tls_context": _context(certificate),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": _authenticator(),
    }
    with mail_server(inbox, **options) as port:
        site = flow.app.site
        url = f"smtp://carrel:{password}@127.0.0.1:{port}?starttls=1"
        site.settings = settings_with(site, smtp_url=url, smtp_from="carrel@example.org")
        send(flow)
        expected = trusted and password != "wrong"
        assert outbox.deliver(site) == expected
        assert inbox.secure == ([True] if expected else [])
        (row,) = rows(flow)
        assert password not in str(row.error)


def test_a_server_that_drops_tls_gets_no_password_and_no_text(
    flow: Flow, inbox: Inbox, port: int
) -> None:
    """Somebody between the site and its mail server who takes STARTTLS out of the greeting."""
    site = flow.app.site
    url = f"smtp://carrel:pw@127.0.0.1:{port}?starttls=1"
    site.settings = settings_with(site, smtp_url=url, smtp_from="carrel@example.org")
    send(flow)
    assert outbox.deliver(site) == 0
    assert inbox.messages == []
    assert rows(flow)[0].state in ("waiting", "failed")


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtp://mail.example.org", None),
        (None, "carrel@example.org"),
        ("http://mail.example.org", "carrel@example.org"),
        ("smtp://", "carrel@example.org"),
        ("smtp://me:pw@mail.example.org", "carrel@example.org"),
        ("smtp://me:pw@mail.example.org?starttls=0", "carrel@example.org"),
        ("smtp://mail.example.org", "Carrel"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    tmp_path: Path, url: str | None, sender: str | None
) -> None:
    with pytest.raises(ValidationError):
        Settings(data_dir=tmp_path, smtp_url=url, smtp_from=sender)


def test_the_password_comes_from_its_file_and_shows_nowhere(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "smtp_password").write_text("s3cret/@\n")
    settings = Settings(
        data_dir=tmp_path,
        smtp_url="smtp://carrel@mail.example.org:587?starttls=1",
        smtp_from="carrel@example.org",
    )
    mailbox = Mailbox.of(settings)
    assert mailbox is not None
    assert (mailbox.user, mailbox.password, mailbox.security) == ("carrel", "s3cret/@", "starttls")
    assert "s3cret" not in repr(settings) + repr(mailbox)
    assert Mailbox.of(Settings(data_dir=tmp_path)) is None
