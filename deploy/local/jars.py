"""The jars of the embedded Kafka: fetched by their Maven coordinates through jgo, each checked against a known sha256.

`python -m deploy.local.jars fetch` brings them into the checkout's cache, showing how far it is.
`python -m deploy.local.jars lock` resolves the coordinates below anew and writes the list with the sums.
Neither needs Maven nor a JDK: jgo reads the POMs itself.
"""

import hashlib
import logging
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KAFKA = "org.apache.kafka:kafka_2.13:4.1.0"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
"""Without a binding of slf4j the broker is mute, even when it refuses to start. Of the same version as Kafka's log4j."""

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("kafka-jars.txt")
CACHE = ROOT / ".cache" / "kafka"
_REPOSITORY = ROOT / ".cache" / "m2"
_AT_ONCE = 6


@dataclass(frozen=True)
class Jar:
    """One line of the list: the sum and the coordinates `group:artifact:version`."""

    sha256: str
    coordinates: str

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


class JarError(Exception):
    """A jar could not be fetched, or is not the one that was listed."""


def read_list() -> list[Jar]:
    """The jars that are needed."""
    lines = (line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(sha256, coordinates) for sha256, coordinates in lines]


def folder() -> Path:
    """Where the jars of the present list are, once fetched. Another list has another folder."""
    return CACHE / hashlib.sha256(LIST.read_bytes()).hexdigest()[:16]


def class_path() -> str:
    """Java's class path with the whole list; raises JarError where they have not been fetched."""
    jars = [folder() / jar.file_name for jar in read_list()]
    if not folder().exists():
        raise JarError("Kafka's jars are not there; `make run` and `make test` fetch them")
    return os.pathsep.join(map(str, jars))


def fetch() -> None:
    """Fetches what is missing and moves the complete set into place at once; raises JarError."""
    if folder().exists():
        return
    jars, begun = read_list(), time.monotonic()
    partial = CACHE / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    print(f"install | {len(jars)} jars of {KAFKA} and its logging, each checked against its sum", flush=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = {pool.submit(_fetch_one, jar): jar for jar in jars}
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                jar, path = waiting[future], future.result()
                size = path.stat().st_size / 1_000_000
                print(f"install | {done:3}/{len(jars)} {jar.file_name} ({size:.1f} MB)", flush=True)
                _link(path, partial / jar.file_name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    partial.rename(folder())
    print(f"install | jars fetched in {time.monotonic() - begun:.0f} s", flush=True)


def _fetch_one(jar: Jar) -> Path:
    """One jar into the local repository. What an earlier, interrupted try left there is fetched again."""
    for attempt in range(3):
        try:
            path = _resolve(jar.coordinates)
        except Exception as error:  # jgo raises what requests raises, RuntimeError, AssertionError …
            if attempt == 2:
                raise JarError(f"{jar.coordinates}: {error}") from error
            with suppress(FileNotFoundError):
                _in_repository(jar.coordinates).unlink()
            time.sleep(1 + attempt)
            continue
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found == jar.sha256:
            return path
        path.unlink()
    raise JarError(f"{jar.file_name} has the sha256 {found}, listed is {jar.sha256}")


def _resolve(coordinates: str) -> Path:
    from jgo.maven import MavenContext

    group, artifact, version = coordinates.split(":")
    context = MavenContext(repo_cache=_REPOSITORY, timeout=60)
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())


def _in_repository(coordinates: str) -> Path:
    group, artifact, version = coordinates.split(":")
    return _REPOSITORY / Path(*group.split(".")) / artifact / version / f"{artifact}-{version}.jar"


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def lock() -> None:
    """Resolves the coordinates and writes the list."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=_REPOSITORY, timeout=60)
    # Kafka alone: resolved together, jgo would let the logging's parent POM lower the versions of Kafka's own jars.
    inputs, others = context.resolver.resolve([context.create_dependency(KAFKA)])
    wanted = [
        f"{d.groupId}:{d.artifactId}:{d.version}"
        for d in (*inputs, *others)
        if d.scope in ("compile", "runtime", None)
    ]
    lines = [
        f"{hashlib.sha256(_resolve(coordinates).read_bytes()).hexdigest()}  {coordinates}\n"
        for coordinates in sorted({*wanted, LOGGING})
    ]
    LIST.write_text(f"# Written by `make lock` from {KAFKA} and {LOGGING}.\n" + "".join(lines))
    print(f"{LIST.relative_to(ROOT)}: {len(lines)} jars")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    if sys.argv[1:] not in (["fetch"], ["lock"]):
        sys.exit("usage: python -m deploy.local.jars fetch|lock")
    try:
        fetch() if sys.argv[1] == "fetch" else lock()
    except JarError as error:
        sys.exit(f"install | {error}")
    except KeyboardInterrupt:
        sys.exit(130)
