"""`make lock`: resolves requirements/*.in anew into requirements/*.txt, for every platform, with hashes.

The locks name no registry and no path of this machine, so that they fit whoever installs from them.
"""

import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
RESOLVER = "uv==0.13.9"
LOCKS = ("run", "local", "dev")
"""In this order, since each is constrained by the ones before it."""

_FOREIGN = re.compile(r"https?://|file://|^\s*--(?!hash=)|(?<![\w.-])/\w+/", re.MULTILINE)
"""A registry's address, an option naming one, or an absolute path."""


def main() -> None:
    """Writes the locks; exits with a message where one names what it must not."""
    tool = ROOT / ".cache" / "lock"
    if not (tool / "bin" / "uv").exists():
        venv.create(tool, clear=True, with_pip=True, symlinks=True)
        subprocess.run([tool / "bin" / "python", "-m", "pip", "install", "-q", RESOLVER], check=True)
    for name in LOCKS:
        command = [
            str(tool / "bin" / "uv"),
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
        subprocess.run(command, cwd=REQUIREMENTS, check=True)
        text = (REQUIREMENTS / f"{name}.txt").read_text()
        if found := _FOREIGN.search(text):
            sys.exit(f"requirements/{name}.txt names {found[0]!r}, which only this machine may know")
        print(f"requirements/{name}.txt: {text.count('==')} packages")


if __name__ == "__main__":
    main()
