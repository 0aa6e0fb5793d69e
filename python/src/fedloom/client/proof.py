"""Proofs of who this client is, PROTOCOL.md section 4."""

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat

from .errors import ClientError, ProtocolError
from .extras import extra

VARIABLE = "FEDLOOM_TOKEN"
TOKEN = re.compile(r"([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")


class TokenProof:
    """Proves that this client has a token, which itself does not travel."""

    name = "token"

    def __init__(self, text, nonce=None):
        """Raises `ClientError` for a text that is no token; it is not repeated."""
        found = TOKEN.fullmatch(text.strip())
        if found is None:
            raise ClientError(
                "auth.token", "This is no token: it reads like 0123456789ab.SECRET, as `fedloom clients token` prints it."
            )
        self._id, self._secret = found.groups()
        self._nonce = nonce or secrets.token_hex(16)

    def prove(self, nonce, binding, run):
        text = _sealed(self.name, nonce, self._nonce, binding, run)
        seal = hmac.new(self._secret.encode(), text, hashlib.sha256).hexdigest()
        return f"{self._id} {self._nonce} {binding} {seal}"


class KeyProof:
    """Proves that this client has the private half of a key that the server knows."""

    name = "key"

    def __init__(self, pem, nonce=None):
        """`pem`: of Ed25519 in PKCS #8, bytes. Raises `ClientError` for what is none; it is not repeated."""
        serialization = extra("cryptography.hazmat.primitives.serialization", "keys")
        ed25519 = extra("cryptography.hazmat.primitives.asymmetric.ed25519", "keys")
        try:
            self._key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            self._key = None
        if not isinstance(self._key, ed25519.Ed25519PrivateKey):
            raise ClientError("auth.key", "This is no private key of Ed25519 in PEM, as `fedloom clients enrol` writes it.")
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self._who = _base64url(self._key.public_key().public_bytes(*raw))
        self._nonce = nonce or secrets.token_hex(16)

    def prove(self, nonce, binding, run):
        seal = _base64url(self._key.sign(_sealed(self.name, nonce, self._nonce, binding, run)))
        return f"{self._who} {self._nonce} {binding} {seal}"


def _sealed(method, nonce, own_nonce, binding, run):
    return "\n".join([f"fedloom {method} 1", nonce, own_nonce, binding, run or ""]).encode()


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def answer(challenge, proofs, binding, run):
    """The `auth` message: by the first of the server's methods that this client has, of `proofs` or none.

    Raises `ProtocolError` where there is none."""
    named = {"run": run} if run else {}
    for method in challenge["methods"]:
        if method == "none":
            return {"type": "auth", "method": method, **named}
        for proof in proofs:
            if proof.name == method:
                return {"type": "auth", "method": method, "proof": proof.prove(challenge["nonce"], binding, run), **named}
    raise ProtocolError(
        "protocol.auth",
        f"The server asks for auth by {' or '.join(challenge['methods'])}, which this client has not. "
        f"A token is given by --token-file or {VARIABLE}, a key by --key-file.",
    )


def proofs_of(token_file, key_file):
    """Those that files and the environment give, from which a token is taken.

    Raises `ClientError`."""
    given = os.environ.pop(VARIABLE, "")
    found = [] if key_file is None else [KeyProof(_read(key_file).encode())]
    if token_file is not None:
        found.append(TokenProof(_first_word(_read(token_file))))
    elif given:
        found.append(TokenProof(given))
    return found


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
                raise ClientError(
                    "auth.open-file",
                    f"{path} says who may come in, and everybody on this machine may read or change it. Take that away: chmod 600 {path}",
                )
            return file.read()
    except (OSError, ValueError) as error:
        raise ClientError("auth.file", f"A file with tokens or keys cannot be read: {error}.") from error


def _first_word(text):
    """What else stands on a server's line is for the server."""
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            return line.split()[0]
    return ""
