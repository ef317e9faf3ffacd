"""What a change of the published API breaks for its users: additions pass, the rest is named.

No kept library in Python compares OpenAPI 3.1 and AsyncAPI 3 (looked for on PyPI, 2026-11-30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Way = Literal["sent", "received"]
"""By the client. What it sends must still be accepted; what it receives must still be there."""

# More than this of it is accepted no longer.
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
EXACT = ("pattern", "format", "uniqueItems")


def of_openapi(old: Json, new: Json) -> list[str]:
    return list(_openapi(old, new))


def of_asyncapi(old: Json, new: Json) -> list[str]:
    return list(_asyncapi(old, new))


def _openapi(old: Json, new: Json) -> Iterator[str]:
    compare = Comparison(old, new)
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{name}: removed"
                continue
            for key in ("operationId", "x-scope"):
                if before.get(key) != after.get(key):
                    yield f"{name}: {key} was {before.get(key)}, is {after.get(key)}"
            yield from _parameters(compare, name, before, after)
            yield from _body(compare, name, before, after)
            yield from _answers(compare, name, before, after)


def _parameters(compare: Comparison, name: str, before: Json, after: Json) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
    now = {(one["in"], one["name"]): one for one in after.get("parameters", ())}
    for key, one in known.items():
        if key not in now:
            yield f"{name}: parameter {key[1]} removed"
        else:
            where = f"{name}: parameter {key[1]}"
            yield from compare.schemas(one["schema"], now[key]["schema"], where, "sent")
    for key, one in now.items():
        if one["required"] and not known.get(key, {}).get("required"):
            yield f"{name}: parameter {key[1]} is required now"


def _body(compare: Comparison, name: str, before: Json, after: Json) -> Iterator[str]:
    body, now = before.get("requestBody"), after.get("requestBody")
    if now and now.get("required") and not (body and body.get("required")):
        yield f"{name}: a body is required now"
    if body and now:
        yield from compare.media(body["content"], now["content"], f"{name}: body", "sent")


def _answers(compare: Comparison, name: str, before: Json, after: Json) -> Iterator[str]:
    for status, answer in before["responses"].items():
        now = after["responses"].get(status)
        if now is None:
            yield f"{name}: answer {status} removed"
        else:
            content, where = answer.get("content", {}), f"{name}: answer {status}"
            yield from compare.media(content, now.get("content", {}), where, "received")


def _asyncapi(old: Json, new: Json) -> Iterator[str]:
    compare = Comparison(old, new)
    for name, channel in old["channels"].items():
        now = new["channels"].get(name)
        if now is None or now["address"] != channel["address"]:
            yield f"channel {name}: removed or at another address"
        else:
            query, asked = (one["bindings"]["ws"]["query"] for one in (channel, now))
            yield from compare.schemas(query, asked, f"channel {name}: query", "sent")
    for name, operation in old["operations"].items():
        now = new["operations"].get(name)
        if now is None:
            yield f"{name}: removed"
            continue
        way: Way = "sent" if operation["action"] == "receive" else "received"
        yield from compare.messages(operation, now, name, way)
        if "reply" in operation:
            yield from compare.messages(operation["reply"], now["reply"], name, "received")


class Comparison:
    """Two documents, each of which resolves its own references."""

    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new
        self.met: set[tuple[str, str, Way]] = set()

    def messages(self, before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
        known, now = (self._payloads(*one) for one in ((self.old, before), (self.new, after)))
        for name, payload in known.items():
            if name not in now:
                yield f"{where}: message {name} removed"
            else:
                yield from self.schemas(payload, now[name], f"{where}: {name}", way)

    def _payloads(self, document: Json, some: Json) -> dict[str, Json]:
        found = [resolved(document, resolved(document, one)) for one in some["messages"]]
        return {one["payload"]["$ref"].rpartition("/")[2]: one["payload"] for one in found}

    def media(self, before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
        for kind, content in before.items():
            if kind not in after:
                yield f"{where}: {kind} removed"
            else:
                yield from self.schemas(content["schema"], after[kind]["schema"], where, way)

    def schemas(self, before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
        names = (before.get("$ref", ""), after.get("$ref", ""), way)
        if all(names):
            if names in self.met:
                return
            self.met.add(names)
        known, now = variants(self.old, before), variants(self.new, after)
        for kind in known if way == "sent" else now:
            if kind not in (now if way == "sent" else known) and "any" not in known:
                wrong = "is accepted no longer" if way == "sent" else "may come now"
                yield f"{where}: {kind} {wrong}"
        for kind in known.keys() & now.keys():
            yield from self._alike(known[kind], now[kind], where, way)

    def _alike(self, before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
        yield from _values(before, after, where, way)
        if way == "sent":
            yield from _narrower(before, after, where)
        if "items" in before and "items" in after:
            yield from self.schemas(before["items"], after["items"], f"{where}[]", way)
        yield from self._members(before, after, where, way)

    def _members(self, before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
        known, now = before.get("properties", {}), after.get("properties", {})
        for name in known:
            if name not in now:
                yield f"{where}: member {name} removed"
            else:
                yield from self.schemas(known[name], now[name], f"{where}.{name}", way)
        required, required_now = set(before.get("required", ())), set(after.get("required", ()))
        if way == "sent":
            yield from (f"{where}: member {one} is required now" for one in required_now - required)
        else:
            lost = (required - required_now) & now.keys()
            yield from (f"{where}: member {one} may be missing now" for one in lost)


def _values(before: Json, after: Json, where: str, way: Way) -> Iterator[str]:
    if "enum" in before:
        for value in before["enum"]:
            if "enum" in after and value not in after["enum"]:
                yield f"{where}: value {value!r} removed"
    elif "enum" in after and way == "sent":
        yield f"{where}: only some values are accepted now"


def _narrower(before: Json, after: Json, where: str) -> Iterator[str]:
    for word in UPPER:
        if word in after and after[word] < before.get(word, float("inf")):
            yield f"{where}: {word} is {after[word]} now"
    for word in LOWER:
        if word in after and after[word] > before.get(word, -float("inf")):
            yield f"{where}: {word} is {after[word]} now"
    for word in EXACT:
        if word in after and after[word] != before.get(word):
            yield f"{where}: {word} is {after[word]} now"
    if after.get("additionalProperties") is False and before.get("additionalProperties", True):
        yield f"{where}: no other members are accepted now"


def resolved(document: Json, schema: Json) -> Json:
    """What a reference leads to."""
    found: Any = schema
    while "$ref" in found:
        place: Any = document
        for name in found["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        found = place
    whole: Json = found
    return whole


def variants(document: Json, schema: Json) -> dict[str, Json]:
    """What a value may be, by its JSON type; objects that are told apart by a tag, by that."""
    found: dict[str, Json] = {}
    for one in _each(document, schema):
        whole = dict(one)
        if "const" in whole:
            whole["enum"] = [whole.pop("const")]
        types = whole.get("type") or _type_of(whole)
        for kind in types if isinstance(types, list) else [types]:
            key = f"{kind} {_tag(whole)}".strip() if kind == "object" else kind
            found[key] = _merged(found[key], whole) if key in found else whole
    return found


def _each(document: Json, schema: Json) -> Iterator[Json]:
    whole = resolved(document, schema)
    several = whole.get("anyOf") or whole.get("oneOf")
    if several:
        for one in several:
            yield from _each(document, one)
    elif "allOf" in whole and not any("if" in one for one in whole["allOf"]):
        parts = [resolved(document, one) for one in whole["allOf"]]
        merged: Json = {"type": "object", "properties": {}, "required": []}
        for part in parts:
            for name, member in part.get("properties", {}).items():
                merged["properties"][name] = merged["properties"].get(name, {}) | member
            merged["required"] += part.get("required", [])
        yield merged
    else:
        yield whole


def _type_of(schema: Json) -> str:
    values = schema.get("enum", ())
    if values and all(isinstance(one, str) for one in values):
        return "string"
    if values and all(isinstance(one, int) for one in values):
        return "integer"
    return "object" if "properties" in schema else "any"


def _tag(schema: Json) -> str:
    """The only value of a member, such as `kind`: what tells one object from another."""
    for member in schema.get("properties", {}).values():
        only = [member["const"]] if "const" in member else member.get("enum", [])
        if len(only) == 1 and isinstance(only[0], str):
            return only[0]
    return ""


def _merged(one: Json, other: Json) -> Json:
    """Two variants of one type: what either accepts."""
    both = {key: value for key, value in one.items() if other.get(key) == value}
    if "enum" in one and "enum" in other:
        both["enum"] = [*one["enum"], *other["enum"]]
    return both
