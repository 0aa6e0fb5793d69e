"""TLS: whom this client trusts at `wss://`, and what it says where it does not."""

import hashlib
import ssl

from .errors import ClientError

EXPIRED, NOT_YET_VALID = 10, 9
OTHER_NAMES = (62, 64)
UNKNOWN_AUTHORITIES = (2, 18, 19, 20, 21)


def context(ca=None, certificate=None, key=None):
    """For `wss://`; `ca`, `certificate`, `key`: files in PEM, `ca` in place of the authorities that the machine knows.

    Raises `ClientError` for a file of no use."""
    if (certificate is None) != (key is None):
        raise ClientError("transport.tls", "A certificate and its key belong together: give --tls-cert and --tls-key.")
    try:
        made = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ClientError("transport.tls", f"--tls-ca {ca} cannot be used: {error}.") from error
    if certificate is not None:
        try:
            # A key with a passphrase has nobody to type it: an empty one fails, and asks nobody.
            made.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            raise ClientError("transport.tls", f"--tls-cert {certificate} and --tls-key {key} cannot be used: {error}.") from error
    return made


def binding(line):
    """What both ends of a connection know of its encryption, to which proofs are bound."""
    if not isinstance(line, ssl.SSLSocket):
        return "plain"
    return "tls:" + hashlib.sha256(line.getpeercert(binary_form=True)).hexdigest()


def trouble(url, error):
    """Why the server's TLS is of no use, for people; None where the next attempt may go better."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(url, error)
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG"):
        return f"The server at {url} does not speak TLS: its address begins with ws://, or it was started without --tls-cert."
    return None


def _untrusted(url, error):
    if error.verify_code in UNKNOWN_AUTHORITIES:
        return (
            f"The certificate of {url} was not signed by an authority that this client trusts. Give the certificate of the "
            "authority that signed it with --tls-ca FILE; `fedloom certs init` wrote it as ca.pem."
        )
    if error.verify_code in (EXPIRED, NOT_YET_VALID):
        what = "has expired" if error.verify_code == EXPIRED else "is not valid yet"
        return (
            f"The certificate of {url} {what}, by the clock of this machine. Correct the clock, or ask whoever runs the "
            "server for a certificate that is valid."
        )
    if error.verify_code in OTHER_NAMES:
        return (
            f"The certificate of {url} is not for this address: {error.verify_message} Dial a name that it is for, or ask for "
            "one for this address: fedloom certs issue NAME --host HOST."
        )
    return f"The certificate of {url} is not acceptable: {error.verify_message}. Ask whoever runs the server for another."
