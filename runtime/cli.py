"""The command line of a part: its settings come from the environment, and `--help` lists every one of them."""

import argparse
import sys
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from schemas.settings import PREFIX, Settings

S = TypeVar("S", bound=Settings)


def describe_settings(*kinds: type[Settings]) -> str:
    """One line for each setting of those classes: variable, meaning, default."""
    lines = ["settings, from the environment:"]
    fields = {name: info for kind in kinds for name, info in kind.model_fields.items()}
    for name, info in sorted(fields.items()):
        default = "required" if info.default is PydanticUndefined else f"default: {info.default}"
        if info.default in (None, ""):
            default = "default: unset"
        lines.append(f"  {PREFIX}{name.upper()}\n      {info.description} ({default})")
    return "\n".join(lines)


def parser_of(program: str, purpose: str, *kinds: type[Settings]) -> argparse.ArgumentParser:
    """An argument parser whose help ends with the settings of those classes."""
    return argparse.ArgumentParser(
        prog=program,
        description=purpose,
        epilog=describe_settings(*kinds),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def read_settings(kind: type[S]) -> S:
    """The settings from the environment. Ends the process with status 2, naming variable and expectation, if one is faulty."""
    try:
        return kind()
    except ValidationError as error:
        for fault in error.errors():
            name = PREFIX + ".".join(map(str, fault["loc"])).upper()
            print(f"{name}: {fault['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        sys.exit(2)
