"""The receiver's baseline: bare aiohttp that parses an SNS envelope, verifies its signature, and stores nothing.

It is written the plain way and shares no code with ingest. `python -m bench.verify_only`.
"""

import argparse
import base64
from pathlib import Path

import orjson
from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


def application(certificates: Path) -> web.Application:
    """Answers 200 to what is signed with the certificate that its SigningCertURL names, and 403 to the rest."""
    keys: dict[str, RSAPublicKey] = {}
    for path in certificates.glob("*.pem"):
        key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
        assert isinstance(key, RSAPublicKey)
        keys[path.name] = key

    async def receive(request: web.Request) -> web.Response:
        envelope = orjson.loads(await request.read())
        signed = "".join(f"{name}\n{envelope[name]}\n" for name in _SIGNED if name in envelope).encode()
        key = keys[envelope["SigningCertURL"].rpartition("/")[2]]
        algorithm = hashes.SHA1() if envelope["SignatureVersion"] == "1" else hashes.SHA256()
        try:
            key.verify(base64.b64decode(envelope["Signature"]), signed, PKCS1v15(), algorithm)
        except InvalidSignature:
            return web.Response(status=403)
        return web.Response(body=b"{}", content_type="application/json")

    app = web.Application()
    app.router.add_post("/webhooks/ses/{tenant}", receive)
    return app


def main() -> None:
    """Serves the baseline on the loopback."""
    parser = argparse.ArgumentParser(prog="python -m bench.verify_only", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--certificates", type=Path, required=True, help="folder of PEM certificates")
    arguments = parser.parse_args()
    app = application(arguments.certificates)
    web.run_app(app, host="127.0.0.1", port=arguments.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
