"""The description of the API as people read it: its operations and schemas as rows of tables. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.openapi import document, resolved

Schema = Mapping[str, Any]
Piece = tuple[str, str | None]
"""A part of a type in words, and the schema that it is the name of, if it is one."""

_REFERENCE = "#/components/schemas/"
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {:,} characters",
    "minItems": "at least {}",
    "maxItems": "at most {:,}",
    "default": "default {}",
    "pattern": "matches {}",
}
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter or field: `type` in pieces, `bounds` what its values keep to, in words."""

    name: str
    type: Sequence[Piece]
    required: bool
    told: str
    bounds: Sequence[str] = ()
    place: str = ""
    """Of a parameter: query, path or header."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a body may be: one media type with its type in words, and its fields where the schema has no name."""

    media_type: str
    type: Sequence[Piece]
    fields: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status of an operation."""

    status: str
    told: str
    contents: Sequence[Content]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of a server. `servers` are the URLs of those that answer it."""

    id: str
    method: str
    path: str
    summary: str
    told: str
    servers: Sequence[str]
    needs_key: bool
    parameters: Sequence[Row]
    bodies: Sequence[Content]
    answers: Sequence[Answer]

    @property
    def curl(self) -> str:
        """How to ask it by hand."""
        parts = ["curl"]
        if self.method != "GET":
            parts.append(f"-X {self.method}")
        if self.needs_key:
            parts.append('-H "Authorization: Bearer $KEY"')
        if self.bodies:
            parts.append(f"-H 'Content-Type: {self.bodies[0].media_type}' --data @body")
        return " ".join([*parts, f"'{self.servers[0]}{self.path}'"])


def operations(servers: Mapping[str, str]) -> dict[str, list[Operation]]:
    """The operations under the names of their sections; `servers` are the URLs to show for those of the document."""
    described = document()
    sections: dict[str, list[Operation]] = {tag["name"]: [] for tag in described["tags"]}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            sections[operation["tags"][0]].append(_operation(path, method, operation, servers))
    return sections


def schemas() -> dict[str, tuple[str, Sequence[Piece], Sequence[Row]]]:
    """What is told of each schema by its name, its type in words, and its fields."""
    return {
        name: (schema.get("description", ""), _type(schema), list(_fields(schema)))
        for name, schema in document()["components"]["schemas"].items()
    }


def _operation(path: str, method: str, operation: Mapping[str, Any], servers: Mapping[str, str]) -> Operation:
    described = document()
    body = resolved(operation.get("requestBody", _NOTHING))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        told=operation.get("description", ""),
        servers=[servers[each["url"]] for each in operation.get("servers", described["servers"])],
        needs_key=bool(operation.get("security", described["security"])),
        parameters=[_parameter(resolved(each)) for each in operation.get("parameters", ())],
        bodies=_contents(body),
        answers=[
            Answer(status, answer["description"], _contents(answer))
            for status, answer in (
                (status, resolved(each)) for status, each in operation["responses"].items()
            )
        ],
    )


def _parameter(parameter: Mapping[str, Any]) -> Row:
    schema = parameter["schema"]
    told = parameter.get("description") or resolved(schema).get("description", "")
    required = parameter.get("required", False)
    return Row(parameter["name"], _type(schema), required, told, _bounds(schema), parameter["in"])


def _contents(holder: Mapping[str, Any]) -> list[Content]:
    return [
        Content(media_type, _type(content["schema"]), list(_fields(content["schema"], follow=False)))
        for media_type, content in holder.get("content", _NOTHING).items()
    ]


def _fields(schema: Schema, prefix: str = "", *, follow: bool = True) -> Iterator[Row]:
    """The fields of an object, those of objects inside it behind dots. Named schemas have tables of their own: they are
    followed only at the top, and as what an object is made of."""
    if "$ref" in schema:
        if follow:
            yield from _fields(resolved(schema), prefix)
        return
    for part in schema.get("allOf", ()):
        yield from _fields(part, prefix)
    required = schema.get("required", ())
    for name, field in schema.get("properties", _NOTHING).items():
        told = field.get("description") or resolved(field).get("description", "")
        yield Row(f"{prefix}{name}", _type(field), name in required, told, _bounds(field))
        yield from _fields(field, f"{prefix}{name}.", follow=False)
    if "items" in schema:
        yield from _fields(schema["items"], f"{prefix.removesuffix('.')}[].", follow=False)


def _bounds(schema: Schema) -> list[str]:
    looked_at = schema.get("items", _NOTHING) | schema if schema.get("type") == "array" else resolved(schema)
    return [words.format(looked_at[name]) for name, words in _BOUNDS.items() if name in looked_at]


def _type(schema: Schema) -> list[Piece]:
    """The type in words; names of schemas are pieces of their own."""
    if "$ref" in schema:
        name = schema["$ref"]
        return [(name.removeprefix(_REFERENCE), name.removeprefix(_REFERENCE))]
    if "const" in schema:
        return [(f"always {_word(schema['const'])}", None)]
    if "enum" in schema:
        return [("one of " + ", ".join(map(_word, schema["enum"])), None)]
    alternatives = [each for each in schema.get("oneOf", ()) if "properties" not in each]
    if alternatives:
        return _joined([_type(each) for each in alternatives], " or ")
    if "allOf" in schema and "properties" not in schema:
        return _joined([_type(each) for each in schema["allOf"]], " with ")
    types = schema.get("type", "object" if "properties" in schema or "allOf" in schema else "anything")
    return _joined([_plain(each, schema) for each in ([types] if isinstance(types, str) else types)], " or ")


def _plain(name: str, schema: Schema) -> list[Piece]:
    if name == "array" and "items" in schema:
        return [("list of ", None), *_type(schema["items"])]
    if name == "string" and "format" in schema:
        return [(schema["format"], None)]
    return [(name, None)]


def _joined(types: Sequence[Sequence[Piece]], between: str) -> list[Piece]:
    found: list[Piece] = []
    for number, pieces in enumerate(types):
        found += [(between, None), *pieces] if number else pieces
    return found


def _word(value: Any) -> str:
    return "null" if value is None else "(empty)" if value == "" else str(value)
