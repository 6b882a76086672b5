"""Security primitives: random secrets, their digests, passwords, and the site's keys."""

import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_passwords = PasswordHash((Argon2Hasher(),))
_ABSENT = _passwords.hash(secrets.token_urlsafe(32))


def new_secret(prefix: str) -> str:
    """A bearer secret: a prefix that secret scanners can look for, and 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_secret(secret: str) -> str:
    """What is stored of a random secret. It has 256 bits of entropy, so one SHA-256 will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def hash_password(password: str) -> str:
    """argon2id, with the library's parameters."""
    return _passwords.hash(password)


def verify_password(password: str, hashed: str | None) -> bool:
    """Check a password; takes as long for an account that does not exist (`hashed` None)."""
    matches = _passwords.verify(password, hashed or _ABSENT)
    return matches and hashed is not None


class Signer:
    """The site's Ed25519 key. It lives in a file outside the database."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public: Ed25519PublicKey = key.public_key()
        self.key_id = hashlib.sha256(self.public.public_bytes_raw()).hexdigest()[:16]

    @classmethod
    def from_file(cls, path: Path) -> "Signer":
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 private key")
        return cls(key)

    def sign(self, message: bytes) -> str:
        """The signature, in hex."""
        return self._key.sign(message).hex()
