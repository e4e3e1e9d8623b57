""".ci/run installs the browser of the console's tests where there is none, and hands on what make says."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "run"
TOOLS = "bash dirname mktemp tee grep tail rm env cat".split()
BROWSERS = "chromium chromium-browser google-chrome google-chrome-stable".split()


class Clone:
    """A folder with the script in it, and a PATH of its own on which what it calls only writes down that it was called."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.calls = root, root / "bin", root / "calls"
        self.bin.mkdir()
        (root / ".ci").mkdir()
        self.script = Path(shutil.copy(SCRIPT, root / ".ci" / "run"))
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.stub("id", "echo 0")
        self.stub("make", 'echo "=== 7 passed in 0.10s ==="')
        self.stub("apt-get")

    def stub(self, name: str, does: str = "") -> None:
        """A command that writes down its arguments and does that."""
        stub = self.bin / name
        stub.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> "{self.calls}"\n{does}\n')
        stub.chmod(0o755)

    def run(self, **variables: str) -> tuple[int, str, list[str]]:
        """Exit status, what it said, and the calls that were meant to install something."""
        inherited = {name: value for name, value in os.environ.items() if name != "WAYBILL_BROWSER"}
        environment = inherited | {"PATH": str(self.bin)} | variables
        done = subprocess.run(
            [self.script], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        calls = self.calls.read_text().splitlines()
        return done.returncode, done.stdout, [call for call in calls if call.startswith(("apt-get", "sudo"))]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_without_a_browser_chromium_is_installed_first(clone: Clone) -> None:
    status, said, installed = clone.run()
    assert installed == ["apt-get update -qq", "apt-get install -y -qq chromium"]
    assert status == 0 and said.splitlines()[0].startswith("installing chromium")
    calls = clone.calls.read_text().splitlines()
    assert calls.index("make check") > calls.index(installed[-1])


def test_whoever_is_not_root_asks_sudo_which_never_waits_for_a_password(clone: Clone) -> None:
    clone.stub("id", "echo 1000")
    clone.stub("sudo", 'shift; exec "$@"')
    _, _, installed = clone.run()
    assert [call for call in installed if call.startswith("sudo")] == [
        "sudo -n apt-get update -qq",
        "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium",
    ]


@pytest.mark.parametrize("name", BROWSERS)
def test_where_there_is_a_browser_nothing_is_installed(clone: Clone, name: str) -> None:
    clone.stub(name)
    assert clone.run()[2] == []


def test_where_a_browser_is_named_nothing_is_installed(clone: Clone) -> None:
    assert clone.run(WAYBILL_BROWSER="/opt/browser")[2] == []


def test_without_apt_get_the_tests_say_what_they_need(clone: Clone) -> None:
    (clone.bin / "apt-get").unlink()
    status, said, installed = clone.run()
    assert (status, installed) == (0, []) and "installing" not in said


def test_where_chromium_cannot_be_installed_the_run_goes_on_and_says_so(clone: Clone) -> None:
    clone.stub("apt-get", "exit 100")
    status, said, _ = clone.run()
    assert status == 0 and "chromium could not be installed" in said
    assert {"make check", "make test"} <= set(clone.calls.read_text().splitlines())


def test_the_exit_status_is_makes_and_the_last_line_pytests(clone: Clone) -> None:
    clone.stub("make", 'echo "=== 1 failed, 6 passed in 0.10s ==="; echo "make: *** failed"; exit 2')
    status, said, _ = clone.run()
    assert status == 2
    assert said.splitlines()[-1] == "=== 1 failed, 6 passed in 0.10s ==="
    assert "failed with status 2" in said
