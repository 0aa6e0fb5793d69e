"""Whom the client trusts at wss://, against a server of the websockets package with certificates of openssl."""

import contextlib
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from websockets.sync.server import serve

from fedloom.client import tls
from fedloom.client.connection import Connection
from fedloom.client.errors import ClientError, ConnectionLost, Refused

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


class Certificates:
    """An authority, another, and what the first signed: for 127.0.0.1, for another host, and for a client."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for authority in ("ca", "other"):
            self._openssl(f"req -x509 {KEY} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}")
        self._issue("server", "IP:127.0.0.1")
        self._issue("elsewhere", "DNS:fed.example")
        self._issue("client", "DNS:client")

    def __getitem__(self, file):
        return str(self.folder / file)

    def _issue(self, name, host):
        (self.folder / "names").write_text(f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\n")
        self._openssl(f"req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        self._openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem")

    def _openssl(self, line):
        subprocess.run(["openssl", *line.split(" ")], cwd=self.folder, check=True, capture_output=True)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.files = Certificates(folder.name)

    def serve(self, name="server", client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.files[f"{name}.pem"], self.files[f"{name}.key"])
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server = serve(lambda socket: socket.recv(), "127.0.0.1", 0, compression=None, ssl=context)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return "wss://127.0.0.1:%d" % server.socket.getsockname()[1]

    def refused(self, url, text, secure=None):
        with self.assertRaises(Refused) as caught:
            Connection(url, secure)
        self.assertEqual(caught.exception.code, "transport.connect")
        self.assertIn(text, caught.exception.message)

    def test_a_server_of_the_authority_that_was_given(self):
        Connection(self.serve(), tls.context(self.files["ca.pem"])).close()

    def test_an_authority_that_is_not_known(self):
        url = self.serve()
        self.refused(url, "was not signed by an authority that this client trusts. Give")
        self.refused(url, "--tls-ca FILE", tls.context(self.files["other.pem"]))

    def test_a_certificate_for_another_host(self):
        self.refused(self.serve("elsewhere"), "is not for this address", tls.context(self.files["ca.pem"]))

    def test_a_server_without_tls(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def answer():
            line = listener.accept()[0]
            with line:
                line.recv(1)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                line.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while line.recv(4096):
                        pass

        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        self.refused("wss://127.0.0.1:%d" % listener.getsockname()[1], "does not speak TLS")

    def test_a_certificate_of_its_own(self):
        url = self.serve(client_ca=self.files["ca.pem"])
        own = tls.context(self.files["ca.pem"], self.files["client.pem"], self.files["client.key"])
        Connection(url, own).close()
        with self.assertRaises((ConnectionLost, Refused)):
            Connection(url, tls.context(self.files["ca.pem"])).receive()

    def test_files_of_no_use(self):
        for files in (("none.pem",), (__file__,), (None, self.files["client.pem"]), (None, self.files["client.pem"], __file__)):
            with self.assertRaises(ClientError) as caught:
                tls.context(*files)
            self.assertEqual(caught.exception.code, "transport.tls")
            self.assertIn("--tls-", caught.exception.message)
