"""Proofs by a token: the one of PROTOCOL.md, and what is none."""

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

    def test_the_first_method_that_it_has_is_taken(self):
        token = proof.TokenProof(TOKEN)
        challenge = {"methods": ["other", "token", "none"], "nonce": NONCE}
        self.assertEqual(proof.answer(challenge, token, "plain", "r")["method"], "token")
        self.assertEqual(proof.answer(challenge, None, "plain", None), {"type": "auth", "method": "none"})
        with self.assertRaises(ProtocolError) as caught:
            proof.answer({"methods": ["token"], "nonce": NONCE}, None, "plain", None)
        self.assertIn("--token-file or FEDLOOM_TOKEN", caught.exception.message)

    def test_a_token_comes_by_file_or_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "token"
            file.write_text(f"# north\n\n{TOKEN} name=north\n", encoding="utf-8")
            file.chmod(0o600)
            self.assertIsInstance(proof.token_of(str(file)), proof.TokenProof)
            file.chmod(0o644)
            self.fails("auth.open-file", lambda: proof.token_of(str(file)))
            self.fails("auth.file", lambda: proof.token_of(folder + "/none"))
        os.environ[proof.VARIABLE] = TOKEN
        self.assertIsInstance(proof.token_of(None), proof.TokenProof)
        self.assertNotIn(proof.VARIABLE, os.environ)
        self.assertIsNone(proof.token_of(None))

    def test_what_is_no_token_is_not_repeated(self):
        for text in ("", "ghp_secret", TOKEN + "x", TOKEN.replace(".", " ")):
            message = self.fails("auth.token", lambda text=text: proof.TokenProof(text))
            self.assertNotIn("secret", message)

    def fails(self, code, call):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message
