"""Proofs by a token: the one of PROTOCOL.md, and what is none."""

import importlib.util
import os
import pathlib
import re
import tempfile
import unittest

from fedloom.client import proof
from fedloom.client.errors import ClientError, ProtocolError

TOKEN = "0123456789ab.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE"
NONCE = "6b3165d6322478fa7c6be06483b4a7dd"
PROTOCOL = pathlib.Path(__file__).parents[3] / "PROTOCOL.md"


class Proofs(unittest.TestCase):
    def test_the_proof_of_the_document(self):
        written = re.search(r"^```text token\n(.*)\n```$", PROTOCOL.read_text(encoding="utf-8"), re.M).group(1)
        token = proof.TokenProof(TOKEN, nonce="00112233445566778899aabbccddeeff")
        self.assertEqual(token.prove(NONCE, "plain", "tiny"), written)

    @unittest.skipUnless(importlib.util.find_spec("cryptography"), "pip install cryptography")
    def test_the_proof_by_a_key_of_the_document(self):
        text = PROTOCOL.read_text(encoding="utf-8")
        pem = re.search(r"With the private key `([^`]*)`", text).group(1)
        key = proof.KeyProof(
            f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n".encode(), nonce="00112233445566778899aabbccddeeff"
        )
        self.assertEqual(key.prove(NONCE, "plain", "tiny"), re.search(r"^```text key\n(.*)\n```$", text, re.M).group(1))
        self.assertNotIn("secret", self.fails("auth.key", lambda: proof.KeyProof(b"secret")))

    def test_the_first_method_that_it_has_is_taken(self):
        token = proof.TokenProof(TOKEN)
        challenge = {"methods": ["other", "token", "none"], "nonce": NONCE}
        self.assertEqual(proof.answer(challenge, [token], "plain", "r")["method"], "token")
        self.assertEqual(proof.answer(challenge, [], "plain", None), {"type": "auth", "method": "none"})
        with self.assertRaises(ProtocolError) as caught:
            proof.answer({"methods": ["token"], "nonce": NONCE}, [], "plain", None)
        self.assertIn("--token-file or FEDLOOM_TOKEN", caught.exception.message)

    def test_a_token_comes_by_file_or_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "token"
            file.write_text(f"# north\n\n{TOKEN} name=north\n", encoding="utf-8")
            file.chmod(0o600)
            self.assertEqual([one.name for one in proof.proofs_of(str(file), None)], ["token"])
            file.chmod(0o644)
            self.fails("auth.open-file", lambda: proof.proofs_of(str(file), None))
            self.fails("auth.file", lambda: proof.proofs_of(None, folder + "/none"))
        os.environ[proof.VARIABLE] = TOKEN
        self.assertEqual([one.name for one in proof.proofs_of(None, None)], ["token"])
        self.assertNotIn(proof.VARIABLE, os.environ)
        self.assertEqual(proof.proofs_of(None, None), [])

    def test_what_is_no_token_is_not_repeated(self):
        for text in ("", "ghp_secret", TOKEN + "x", TOKEN.replace(".", " ")):
            message = self.fails("auth.token", lambda text=text: proof.TokenProof(text))
            self.assertNotIn("secret", message)

    def fails(self, code, call):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message
