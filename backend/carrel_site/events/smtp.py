"""Handing an e-mail to the mail server that the settings name."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from carrel_site.core.clock import now
from carrel_site.settings import Settings

_TIMEOUT_SECONDS = 20.0
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


class NotDelivered(Exception):
    """The server could not be reached or would not take it now: another try may help."""


class NeverDelivered(Exception):
    """The server, or the address itself, says that no other try will help."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mail server, and the address that the site writes from."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    sender: str
    site_host: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Mailbox | None":
        """As the settings have it; None where e-mail is not set up."""
        if settings.smtp_url is None or settings.smtp_from is None:
            return None
        url = urlsplit(settings.smtp_url)
        starttls = parse_qs(url.query).get("starttls", ["0"])[-1] != "0"
        plain: Literal["none", "starttls"] = "starttls" if starttls else "none"
        security = "tls" if url.scheme == "smtps" else plain
        return cls(
            host=url.hostname or "",
            port=url.port or _PORTS[security],
            security=security,
            sender=settings.smtp_from,
            site_host=urlsplit(settings.site_url).hostname or "localhost",
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
        )

    def deliver(self, message_id: str, to: str, title: str, text: str) -> None:
        """Send one e-mail. Raises `NotDelivered` or `NeverDelivered`.

        message_id: the same for each try, so that a second copy can be told from a second e-mail.
        """
        message = self._message(message_id, to, title, text)
        try:
            with self._connect() as server:
                server.send_message(message, to_addrs=[to])
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as error:
            code, words = _refusal(error)
            raise (NeverDelivered if 500 <= code < 600 else NotDelivered)(
                f"{code} {words}"
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise NeverDelivered(str(error)) from error
        except smtplib.SMTPDataError as error:
            kind = NeverDelivered if 500 <= error.smtp_code < 600 else NotDelivered
            raise kind(f"{error.smtp_code} {_words(error.smtp_error)}") from error
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered(f"the server refused the login ({error.smtp_code})") from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        """A connection that is logged in; certificates are checked."""
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host,
                self.port,
                self.site_host,
                timeout=_TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            server = smtplib.SMTP(self.host, self.port, self.site_host, timeout=_TIMEOUT_SECONDS)
        try:
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, message_id: str, to: str, title: str, text: str) -> EmailMessage:
        name, address = parseaddr(self.sender)
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=to)
            message["From"] = Address(display_name=name, addr_spec=address)
        except (MessageError, ValueError, IndexError, AttributeError) as error:
            raise NeverDelivered("This is no e-mail address that can be written to.") from error
        message["Subject"] = title
        message["Date"] = format_datetime(now())
        message["Message-ID"] = f"<{message_id}@{self.site_host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note answers
        message.set_content(text)
        return message


def _refusal(
    error: smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused,
) -> tuple[int, str]:
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code, _words(error.smtp_error)
    code, words = next(iter(error.recipients.values()))
    return code, _words(words)


def _words(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
