"""Write the API's reference from the app: http-api.md, openapi.json and asyncapi.json.

Run `.venv/bin/python docs/write_http_api.py`. A test compares them with the app, so do it
after a change to `handlers/web` or to the messages.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"

Json = dict[str, Any]

HEAD = """# HTTP API

<!-- Written by docs/write_http_api.py; change handlers/web instead. -->

{description}

On a running system `/docs` shows the same as a page to try, and `/openapi.json` as JSON: the file
[openapi.json](openapi.json). A release adds to it, so be ready for members and codes that you do
not know; what it breaks, the changelog names.
Every code is explained in [Error codes](error-codes.md).

An order that creates takes a header `Idempotency-Key` (a UUID): the same request with the same key
is done once, and answered as the first was. It stands for the order's own id, such as `bonus_id`,
where the body has none. Cancelling, ending, kicking, payouts and erasures may come twice anyway.
Tickets and keys are made again each time, so there the header is refused.

Send the service token, or a key with the route's scope, as `Authorization: Bearer …`
([Service keys](../how-to/service-keys.md)). Times are integer milliseconds since the
epoch; a request may also send RFC 3339, always with the offset from UTC. Intervals are half-open.
A session that crosses an interval is clipped to it; open sessions count up to the database's clock.
A page has at most `limit` rows and about 5 MB. A `.csv` has at most 10,000 rows and about 5 MB, and
`Link: <…>; rel="next"` leads on; [Export reports](../how-to/export-reports.md) writes the whole
into one file.

## Routes

| route | what for |
|---|---|
{index}
"""


def main() -> None:
    for path, text in written().items():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


def written() -> dict[Path, str]:
    """What is published of the API, by file. Nothing is connected before a request."""
    sys.path.insert(0, str(ROOT))
    from handlers.http import HttpContainer  # noqa: PLC0415  # the path is set just above
    from handlers.web import asyncapi  # noqa: PLC0415
    from handlers.web.app import application  # noqa: PLC0415

    openapi = application(HttpContainer()).openapi()
    documents = {"openapi.json": openapi, "asyncapi.json": asyncapi.document()}
    files = {REFERENCE / name: _lines(one) for name, one in documents.items()}
    return {REFERENCE / "http-api.md": page(openapi), **files}


def _lines(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def page(api: Json) -> str:
    """The whole page."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
    ]
    index = "\n".join(
        f"| [`{method} {path}`](#{_anchor(f'{method} {path}')}) | {_first_sentence(operation)} |"
        for method, path, operation in operations
    )
    parts = [HEAD.format(description=api["info"]["description"].strip(), index=index)]
    parts += [_operation(*one) for one in operations]
    parts.append("## Schemas\n\nRequests and answers are JSON objects of these shapes.\n")
    parts += [
        _schema(name, schema) for name, schema in sorted(api["components"]["schemas"].items())
    ]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Json) -> str:
    lines = [f"### {method} {path}\n", operation.get("description", ""), ""]
    if scope := operation.get("x-scope"):
        also = f", or `{other}`" if (other := operation.get("x-also-scope")) else ""
        lines += [f"Scope of a key: `{scope}`{also}.", ""]
    if parameters := operation.get("parameters"):
        lines += ["| parameter | type | |", "|---|---|---|"]
        lines += [_parameter(one) for one in parameters] + [""]
    if body := operation.get("requestBody"):
        lines += [f"Send a {_type(_content(body))}.\n"]
    lines += ["| status | answer |", "|---|---|"]
    lines += [
        f"| {status} | {_answer(response)} |"
        for status, response in sorted(operation["responses"].items())
    ]
    return "\n".join(lines) + "\n"


def _parameter(parameter: Json) -> str:
    schema = parameter["schema"]
    about = parameter.get("description") or schema.get("description", "")
    notes = _notes(about, schema, is_required=parameter["required"])
    return f"| `{parameter['name']}` | {_type(schema)} | {notes} |"


def _answer(response: Json) -> str:
    about = _in_cell(response["description"])
    schema = _content(response)
    shape = _type(schema) if schema else ""
    return " ".join(
        part for part in (shape, "" if about == "Successful Response" else about) if part
    )


def _content(part: Json) -> Json:
    """The schema of JSON or of a problem; what is known of each code stands beside it."""
    content = part.get("content", {})
    shape = content.get("application/json") or content.get("application/problem+json") or {}
    schema: Json = shape.get("schema", {})
    return schema["allOf"][0] if "allOf" in schema else schema


def _schema(name: str, schema: Json) -> str:
    about = schema.get("description", "")
    lines = [f"### {name}\n", *([about, ""] if about else [])]
    fields = schema.get("properties", {})
    if fields:
        required = schema.get("required", [])
        lines += ["| field | type | |", "|---|---|---|"]
        lines += [
            _field(field, one, is_required=field in required) for field, one in fields.items()
        ]
    return "\n".join(lines) + "\n"


def _field(name: str, schema: Json, *, is_required: bool) -> str:
    notes = _notes(schema.get("description", ""), schema, is_required=is_required)
    return f"| `{name}` | {_type(schema)} | {notes} |"


def _type(schema: Json) -> str:
    """A type in words; a schema of ours is a link."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        return f"[{name}](#{_anchor(name)})"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(one) for one in several)
    if values := schema.get("enum"):
        return " or ".join(f"`{value}`" for value in values)
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return " ".join(
        part for part in (schema.get("format", ""), str(schema.get("type", "any"))) if part
    )


def _notes(about: str, schema: Json, *, is_required: bool) -> str:
    notes = [_in_cell(about)] if about else []
    if bounds := _bounds(schema):
        notes.append(bounds)
    if is_required:
        notes.append("required")
    elif schema.get("default") not in (None, ""):
        notes.append(f"default: `{json.dumps(schema['default'])}`")
    return "; ".join(notes)


def _bounds(schema: Json) -> str:
    """The bounds of a number, a text or a list, where there are any."""
    whole = next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), schema)
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        if least in whole and most in whole:
            return f"{_number(whole[least])} to {_number(whole[most])}{unit}"
        if most in whole:
            return f"at most {_number(whole[most])}{unit}"
        if least in whole:
            return f"at least {_number(whole[least])}{unit}"
    return ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else str(value)


def _first_sentence(operation: Json) -> str:
    text = _in_cell(operation.get("description", ""))
    return text.split(". ")[0].rstrip(".:")


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    main()
