"""Reads a template file and lets AWS's own SAM translator expand it, offline.

The translator: https://github.com/aws/serverless-application-model (2026-11-23)
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
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
from samtranslator.yaml_helper import intrinsics_multi_constructor  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_IMAGE: Final = "000000000000.dkr.ecr.us-east-1.amazonaws.com/local:local"


class TemplateError(Exception):
    """A template that cannot run here: one sentence with what, where, and what to do."""


@dataclass(frozen=True)
class Source:
    """A template as its author wrote it."""

    path: Path
    body: Mapping[str, Any]
    _root: yaml.Node

    def line(self, *keys: str) -> int:
        """Return the line of the deepest of `keys` that the file has."""
        return _descend(self._root, keys)[1]

    def depth(self, *keys: str) -> int:
        """Return how many of `keys`, one inside the other, the file has."""
        return _descend(self._root, keys)[0]


def read(path: Path) -> Source:
    """Parse a YAML or JSON template. Raises TemplateError."""
    try:
        words = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise TemplateError(f"{path}: the template cannot be read: {reason}.") from error
    if len(words) > _MAX_BYTES:
        raise TemplateError(f"{path}: a template has at most 1 MB.")
    try:
        root, body = yaml.compose(words, _Loader), yaml.load(words, _Loader)  # noqa: S506 a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: the template is not valid YAML: {_where(error)}.") from error
    if root is None or not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise TemplateError(f"{path}: the template has no Resources section.")
    source = Source(path, body, root)
    for section in ("Parameters", "Mappings", "Conditions", "Resources"):
        _check_names(source, section)
    return source


def expand(source: Source, parameters: Mapping[str, str], region: str) -> dict[str, Any]:
    """Return the CloudFormation template that SAM makes of `source`. Raises TemplateError."""
    document, values, metrics = _packaged(source.body), dict(parameters), Metrics()
    # It would warn of what AWS's own servers switch on, once for each function that is shifted.
    logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)
    # A boto3 session would look for profiles and credentials; its region is all that is asked.
    translator = Translator(None, Parser(), boto_session=_Region(region), metrics=metrics)
    try:
        to_py27_compatible_template(document, values)
        expanded = translator.translate(document, values, get_managed_policy_map=dict)
        return dict(undo_mark_unicode_str_in_template(expanded))
    except InvalidDocumentException as error:
        causes = "".join(f"\n  - {_plain(cause.message)}" for cause in error.causes or ())
        raise TemplateError(f"{source.path}: SAM refuses the template:{causes}") from error
    except Exception as error:
        # The translator's checks have gaps, and what falls through raises whatever it meets.
        reason = f"{type(error).__name__}: {error}"
        raise TemplateError(f"{source.path}: SAM cannot read the template ({reason}).") from error
    finally:
        metrics.publish()  # goes nowhere; unpublished metrics cause a warning on the terminal


@dataclass(frozen=True)
class _Region:
    region_name: str


class _Loader(yaml.SafeLoader):
    """SafeLoader with CloudFormation's short forms (`!Ref`, `!Sub` …) as AWS's tools parse them."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def _check_names(source: Source, section: str) -> None:
    """Refuse names that YAML reads as something else: `No`, `On` and `1` are no texts."""
    names = source.body.get(section) or {}
    if not isinstance(names, dict):
        where = f"{source.path}:{source.line(section)}"
        raise TemplateError(f"{where}: {section} must be a mapping.")
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        where = f"{source.path}:{source.line(section)}"
        raise TemplateError(f"{where}: {section} has a name that YAML reads as {odd}; quote it.")


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
        found = next(((k, v) for k, v in pairs if k.value == key), None)
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
