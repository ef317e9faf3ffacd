"""Reads a template file and lets AWS's own SAM translator expand it, offline.

The translator: https://github.com/aws/serverless-application-model (2026-11-23)
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import yaml

# The translator carries annotations but no py.typed marker.
from samtranslator.metrics.metrics import Metrics  # type: ignore[import-untyped]
from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.utils.py27hash_fix import (  # type: ignore[import-untyped]
    to_py27_compatible_template,
    undo_mark_unicode_str_in_template,
)

from wsgate.template.document import Document, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# A template may have 1 MB, so a bigger file is another file given by mistake.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
# (2026-11-23)
_MAX_BYTES: Final = 1024 * 1024

# A path on this machine is nothing the translator takes (`sam package` would replace it by S3's),
# so it gets a stand-in, and what the template says is read from the source.
_LOCAL_PATHS: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_IMAGE: Final = "000000000000.dkr.ecr.us-east-1.amazonaws.com/local:local"


class TemplateError(Exception):
    """A template that cannot run here: one sentence with what, where, and what to do."""

    def adding(self, words: str) -> TemplateError:
        """Return the same with more in its sentence."""
        return TemplateError(f"{str(self).removesuffix('.')}; {words}.")


@dataclass(frozen=True)
class Source:
    """A template as its author wrote it."""

    path: Path
    body: Mapping[str, Any]
    document: Document
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys of the loop that made a resource, by the name of the resource."""

    def line(self, *keys: str) -> int:
        """Return the line of the deepest of `keys` that the file has."""
        return _descend(self.document.root, self._written(keys))[1]

    def depth(self, *keys: str) -> int:
        """Return how many of `keys`, one inside the other, the file has."""
        return _descend(self.document.root, self._written(keys))[0]

    def _written(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        is_resource = len(keys) > 1 and keys[0] == "Resources"
        return self.origins.get(keys[1], keys) if is_resource else keys


def read(path: Path) -> Source:
    """Parse a YAML or JSON template. Raises TemplateError."""
    document = read_document(path)
    body = document.body
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise TemplateError(f"{path}: the template has no Resources section.")
    source = Source(path, body, document)
    for section in ("Parameters", "Mappings", "Conditions"):
        if not isinstance(body.get(section, {}), dict):
            raise TemplateError(f"{path}:{source.line(section)}: {section} must be a mapping.")
    return source


def read_document(path: Path) -> Document:
    """Parse a YAML or JSON file of at most 1 MB. Raises TemplateError."""
    try:
        with path.open("rb") as file:
            words = file.read(_MAX_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise TemplateError(f"{path}: the template cannot be read: {reason}.") from error
    if len(words) > _MAX_BYTES:
        raise TemplateError(f"{path}: a template has at most 1 MB.")
    try:
        return parse(words)
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: the template is not valid YAML: {_where(error)}.") from error
    except RecursionError:
        raise TemplateError(f"{path}: the template is nested too deeply to be read.") from None


def transforms_of(body: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the names of a template's transforms, in order, each with its parameters."""
    written = body.get("Transform")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for one in written if isinstance(written, list) else [written]:
        if isinstance(one, str):
            found.append((one, {}))
        elif isinstance(one, dict):
            parameters = one.get("Parameters")
            found.append((str(one.get("Name")), parameters if isinstance(parameters, dict) else {}))
    return found


def expand(
    source: Source,
    parameters: Mapping[str, str],
    region: str,
    leave_out: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return the CloudFormation template that SAM makes of `source`.

    With `leave_out`, resources that SAM refuses are left out, and why is given to it. Raises
    TemplateError where SAM refuses more.
    """
    body = dict(source.body)
    while True:
        try:
            return _translated(replace(source, body=body), parameters, region)
        except InvalidDocumentException as error:
            refused = _refused_resources(error)
            kept = {name: one for name, one in body["Resources"].items() if name not in refused}
            if leave_out is None or len(kept) in {0, len(body["Resources"])}:
                raise TemplateError(_refusal(source, error)) from error
            leave_out(f"{_refusal(source, error).removesuffix('.')}; until then it is missing.")
            body["Resources"] = kept


def _refusal(source: Source, error: InvalidDocumentException) -> str:
    """A sentence for each cause, with its line."""
    causes = [(_resource_of(cause), _plain(cause.message)) for cause in error.causes or ()]
    return "\n".join(
        f"{source.path}:{source.line('Resources', name)}: SAM refuses the template: {words}"
        for name, words in causes
    )


def _refused_resources(error: InvalidDocumentException) -> set[str]:
    return {_resource_of(cause) for cause in error.causes or ()}


def _resource_of(cause: Any) -> str:
    return str(getattr(cause, "_logical_id", ""))


def _translated(source: Source, parameters: Mapping[str, str], region: str) -> dict[str, Any]:
    document, values, metrics = _packaged(source.body), dict(parameters), Metrics()
    # It would warn of what AWS's own servers switch on, once for each function that is shifted, and
    # print a traceback for what its plugins cannot read: that is told below, in a sentence.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    # A boto3 session would look for profiles and credentials; its region is all that is asked.
    translator = Translator(None, Parser(), boto_session=_Region(region), metrics=metrics)
    try:
        to_py27_compatible_template(document, values)
        expanded = translator.translate(document, values, get_managed_policy_map=dict)
        return dict(undo_mark_unicode_str_in_template(expanded))
    except InvalidDocumentException:
        raise
    except Exception as error:
        # The translator's checks have gaps, and what falls through raises whatever it meets.
        reason = f"{type(error).__name__}: {error}"
        raise TemplateError(f"{source.path}: SAM cannot read the template ({reason}).") from error
    finally:
        metrics.publish()  # goes nowhere; unpublished metrics cause a warning on the terminal


@dataclass(frozen=True)
class _Region:
    region_name: str


def _packaged(body: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(dict(body))
    for name, resource in document["Resources"].items():
        if isinstance(resource, dict):
            _package(name, resource)
    shared = document.get("Globals")
    if isinstance(shared, dict) and isinstance(shared.get("Function"), dict):
        shared["Function"].pop("CodeUri", None)
    return document


def _package(name: str, resource: dict[str, Any]) -> None:
    kind = resource.get("Type")
    if kind == "AWS::Serverless::Application":
        # The translator would ask the Serverless Application Repository about it.
        resource["Type"] = "AWS::CloudFormation::Stack"
        return
    key = _LOCAL_PATHS.get(kind) if isinstance(kind, str) else None
    properties = resource.setdefault("Properties", {}) if key else None
    if key is None or not isinstance(properties, dict):
        return
    if properties.get("PackageType") == "Image":
        properties.setdefault("ImageUri", _IMAGE)  # `sam build` would write it
    elif key in properties or (key == "CodeUri" and "InlineCode" not in properties):
        properties[key] = f"s3://local/{name}"


def _descend(node: yaml.Node, keys: tuple[str, ...]) -> tuple[int, int]:
    line, depth = node.start_mark.line + 1, 0
    for key in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        # The last one counts; merged pairs stand before a mapping's own.
        found = next(((k, v) for k, v in reversed(pairs) if k.value == key), None)
        if found is None:
            break
        line, depth, node = found[0].start_mark.line + 1, depth + 1, found[1]
    return depth, line


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _plain(message: str) -> str:
    return " ".join(message.split())
