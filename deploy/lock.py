"""`make lock`: resolves requirements/*.in anew into requirements/*.txt, for every platform, with hashes.

The locks name no registry and no path of this machine, so that they fit whoever installs from them.
"""

import re
import subprocess
import sys

from deploy.install import ROOT, UV, uv_environment

REQUIREMENTS = ROOT / "requirements"
LOCKS = ("uv", "run", "local", "dev")
"""In this order, since each but the first is constrained by the ones before it."""

_FOREIGN = re.compile(r"https?://|file://|^\s*--(?!hash=)|(?<![\w.-])/\w+/", re.MULTILINE)
"""A registry's address, an option naming one, or an absolute path."""


def main() -> None:
    """Writes the locks; exits with a message where one names what it must not."""
    if not UV.exists():
        sys.exit(".venv has no uv, without which nothing is resolved: `make install-dev` says why")
    environment = uv_environment()
    for name in LOCKS:
        command = [
            str(UV),
            "pip",
            "compile",
            f"{name}.in",
            "-o",
            f"{name}.txt",
            "--quiet",
            "--upgrade",
        ]
        command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
        command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
        subprocess.run(command, cwd=REQUIREMENTS, env=environment, check=True)
        text = (REQUIREMENTS / f"{name}.txt").read_text()
        if found := _FOREIGN.search(text):
            sys.exit(f"requirements/{name}.txt names {found[0]!r}, which only this machine may know")
        print(f"requirements/{name}.txt: {text.count('==')} packages")


if __name__ == "__main__":
    main()
