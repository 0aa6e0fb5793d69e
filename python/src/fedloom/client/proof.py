"""Proofs of who this client is, PROTOCOL.md section 4."""

import hashlib
import hmac
import os
import re
import secrets
import stat

from .errors import ClientError, ProtocolError

VARIABLE = "FEDLOOM_TOKEN"
TOKEN = re.compile(r"([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")


class TokenProof:
    """Proves that this client has a token, which itself does not travel."""

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
        text = "\n".join(["fedloom token 1", nonce, self._nonce, binding, run or ""])
        seal = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{self._id} {self._nonce} {binding} {seal}"


def answer(challenge, token, binding, run):
    """The `auth` message: by the first of the server's methods that this client has.

    Raises `ProtocolError` where there is none."""
    named = {"run": run} if run else {}
    for method in challenge["methods"]:
        if method == "none":
            return {"type": "auth", "method": method, **named}
        if method == "token" and token is not None:
            return {"type": "auth", "method": method, "proof": token.prove(challenge["nonce"], binding, run), **named}
    raise ProtocolError(
        "protocol.auth",
        f"The server asks for auth by {' or '.join(challenge['methods'])}, which this client has not. "
        f"A token is given by --token-file or {VARIABLE}.",
    )


def token_of(path):
    """Of a file, or of the environment, from which it is taken; None where there is none.

    Raises `ClientError`."""
    given = os.environ.pop(VARIABLE, "")
    if path is not None:
        return TokenProof(_first_word(_read(path)))
    return TokenProof(given) if given else None


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
                raise ClientError(
                    "auth.open-file",
                    f"{path} holds secrets, and everybody on this machine may read it. Take that away: chmod 600 {path}",
                )
            return file.read()
    except (OSError, ValueError) as error:
        raise ClientError("auth.file", f"A file with secrets cannot be read: {error}.") from error


def _first_word(text):
    """What else stands on a server's line is for the server."""
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            return line.split()[0]
    return ""
