"""Reads the text of a template as CloudFormation does: YAML 1.1 without its dates, or JSON.

What a scalar, a key and a tag mean is decided here, and so is what only wsgate accepts.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html (2026-11-30)
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

# The translator carries annotations but no py.typed marker.
from samtranslator.yaml_helper import intrinsics_multi_constructor  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# CloudFormation takes no aliases, and its own tools write them out. An alias of an alias of an
# alias … is more than this long before it is read.
MAX_NODES: Final = 500_000

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_NULL: Final = f"{_TAG}null"
# A date as a key is text, as it is anywhere else.
_TEXTS: Final = (f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value")
_UNSUPPORTED: Final = ("binary", "omap", "pairs", "set")


@dataclass(frozen=True)
class Problem:
    """What wsgate reads, and CloudFormation refuses or reads in a way that few expect."""

    line: int
    words: str


@dataclass(frozen=True)
class Document:
    """The text of a template, as values and with its lines."""

    body: Any
    root: yaml.Node
    problems: tuple[Problem, ...]
    has_aliases: bool
    """An alias or a merge key: CloudFormation refuses it, and its tools write it out before."""


def parse(words: str) -> Document:
    """Parse a template. Raises yaml.YAMLError, and RecursionError for what is nested too deeply."""
    words = words.removeprefix("\N{BYTE ORDER MARK}")
    is_json = words.lstrip().startswith("{")
    # YAML takes no tabs between values. JSON has them nowhere else.
    loader = _Loader(words.replace("\t", " ") if is_json else words)
    try:
        root = loader.get_single_node() or yaml.ScalarNode(_NULL, "", _START, _START)
        _check_size(root)
        problems, has_aliases = tuple(_problems(root)), _repeats(root)
        body = loader.construct_document(root)
    finally:
        loader.dispose()
    if is_json:
        # YAML reads neither 1e3 nor a pair of surrogates as JSON does.
        with suppress(ValueError):
            body = json.loads(words, object_pairs_hook=_without_nulls)
    return Document(body, root, problems, has_aliases)


class _Loader(yaml.SafeLoader):
    """SafeLoader as CloudFormation reads: texts for keys and dates, and its short forms."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping whose keys are texts. Of two equal keys the last one counts."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(
                None, None, "expected a mapping", node.start_mark
            )
        self.flatten_mapping(node)
        pairs = [(_key(key), self.construct_object(value, deep=deep)) for key, value in node.value]
        return _without_nulls(pairs)


def _without_nulls(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A null is refused by CloudFormation, and told: here it is as if the key were not there."""
    found = dict(pairs)
    return {key: value for key, value in found.items() if value is not None}


def _key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode) and not node.tag.startswith("!"):
        return str(node.value)
    said = "a key must be a text, and this one is a mapping, a list or a function"
    raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


def _scalar(
    construct: Callable[[yaml.SafeLoader, Any], Any],
) -> Callable[[yaml.SafeLoader, yaml.ScalarNode], Any]:
    """What looks like a number and is none, such as 0x_, is the text that was written."""

    def scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
        try:
            value = construct(loader, node)
        except (ValueError, KeyError, IndexError):
            return node.value
        return value if not isinstance(value, float) or math.isfinite(value) else node.value

    return scalar


def _refuse(_: yaml.SafeLoader, node: yaml.Node) -> Any:
    said = f"CloudFormation has no !!{node.tag.removeprefix(_TAG)}"
    raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)
_Loader.add_constructor(f"{_TAG}timestamp", _as_written)
_Loader.add_constructor(f"{_TAG}value", _as_written)
_Loader.add_constructor(f"{_TAG}bool", _scalar(_Loader.construct_yaml_bool))
_Loader.add_constructor(f"{_TAG}int", _scalar(_Loader.construct_yaml_int))
_Loader.add_constructor(f"{_TAG}float", _scalar(_Loader.construct_yaml_float))
for _name in _UNSUPPORTED:
    _Loader.add_constructor(f"{_TAG}{_name}", _refuse)

_START: Final = yaml.Mark("", 0, 0, 0, None, 0)


def _check_size(root: yaml.Node) -> None:
    """Bound what aliases expand to. Raises yaml.YAMLError."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known == 0:
            raise yaml.composer.ComposerError(None, None, "an alias is inside of what it names")
        if known is None:
            sizes[id(node)] = 0
            known = sizes[id(node)] = 1 + sum(map(size, _children(node)))
        return known

    if size(root) > MAX_NODES:
        raise yaml.composer.ComposerError(
            None, None, f"its aliases make more than {MAX_NODES} values"
        )


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _repeats(root: yaml.Node) -> bool:
    """Say whether a value stands in two places."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            return True
        seen.add(id(node))
        waiting += _children(node)
    return False


def _problems(root: yaml.Node) -> Iterator[Problem]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _problems_of_keys(node)
            # Whether CloudFormation reads what stands in Metadata is not known.
            waiting += [value for key, value in node.value if key.value != "Metadata"]
        else:
            waiting += _children(node)


def _problems_of_keys(node: yaml.MappingNode) -> Iterator[Problem]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        line, name = key.start_mark.line + 1, key.value
        if name in seen:
            # https://github.com/aws-cloudformation/cfn-lint/issues/35 (2026-11-30)
            yield Problem(line, f"{name} stands here again, and the last one counts, as on AWS")
        seen.add(name)
        if key.tag not in _TEXTS:
            # https://github.com/aws-cloudformation/cfn-lint/issues/292 (2026-11-30)
            kind = key.tag.removeprefix(_TAG)
            said = f"the key {name} is no text in YAML but {_KINDS.get(kind, kind)}"
            yield Problem(line, f"{said}, and CloudFormation refuses that: quote it")
        if value.tag == _NULL:
            # https://github.com/aws-cloudformation/cfn-lint/issues/38 (2026-11-30)
            said = f"{name} has no value (null), and CloudFormation refuses that"
            yield Problem(line, f"{said}: give it one, or remove it")


_KINDS: Final = {
    "bool": "true or false",
    "float": "a number",
    "int": "a number",
    "null": "nothing",
}
