"""What CloudFormation does to a template before SAM's transform: includes, and Fn::ForEach.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
(2026-11-30). Other transforms run on AWS only, and are told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wsgate.template.expand import TemplateError, read_document, transforms_of
from wsgate.template.intrinsics import Mistake, Resolver, Unresolved, show, text
from wsgate.template.parameters import default_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgate.template.expand import Source
    from wsgate.template.stack import Family

EXTENSIONS: Final = "AWS::LanguageExtensions"
_INCLUDE: Final = "AWS::Include"
_HANDLED: Final = ("AWS::Serverless-", EXTENSIONS, _INCLUDE)
_TRANSFORM: Final = "Fn::Transform"
_LOOP: Final = "Fn::ForEach::"
_EXTENDED: Final = ("Fn::Length", "Fn::ToJsonString")
_DEFINITIONS: Final = {
    "AWS::Serverless::HttpApi": ("DefinitionUri", "DefinitionBody"),
    "AWS::ApiGatewayV2::Api": ("BodyS3Location", "Body"),
}
_WITH_DEFAULT: Final = 4  # arguments of Fn::FindInMap

# A template has 500 resources at most, and 200 outputs: what loops make beyond that is a mistake.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
# (2026-11-30)
MAX_FRAGMENTS: Final = 5000

Path = tuple[str, ...]


def transform(
    source: Source, given: Mapping[str, Any], pseudo: Mapping[str, Any], family: Family
) -> Source:
    """Return the template with its includes read and its loops written out.

    `given` are the parameters' values, `pseudo` those of `AWS::Region` and the like. What cannot be
    done is left out, and told.
    """
    return _Transformer(source, {**default_values(source.body, given), **pseudo}, family).run()


class _Transformer:
    def __init__(self, source: Source, names: Mapping[str, Any], family: Family) -> None:
        self._source, self._family, self._names = source, family, names
        self._fragments = 0
        self._origins: dict[str, Path] = {}
        self._is_extended = any(name == EXTENSIONS for name, _ in transforms_of(source.body))

    def run(self) -> Source:
        body: dict[str, Any] = self._included(self._source.body, (), ())
        for name, parameters in transforms_of(body):
            if name == _INCLUDE:
                body |= self._whole_include(parameters)
            elif not name.startswith(_HANDLED):
                self._leave_out(_macro(name), ("Transform",))
        resolver = Resolver(
            names=self._names,
            conditions=body.get("Conditions") or {},
            mappings=body.get("Mappings") or {},
            reference=_no_resource,
            attribute=_no_attribute,
        )
        for section in ("Conditions", "Resources", "Outputs"):
            if section in body:
                body[section] = self._looped(body[section], (section,), resolver)
        body["Resources"] = {
            name: self._defined(name, resource) for name, resource in body["Resources"].items()
        }
        return replace(self._source, body=body, origins=self._origins)

    # Includes, and macros in their place.

    def _included(self, value: Any, path: Path, within: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self._included(item, (*path, str(at)), within) for at, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        found = {}
        for key, item in value.items():
            self._warn_of_extension(key, item, path)
            if key == _TRANSFORM:
                found.update(self._transformed(item, (*path, key), within))
            else:
                found[key] = self._included(item, (*path, key), within)
        return found

    def _transformed(self, call: Any, path: Path, within: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, parameters in transforms_of({"Transform": call}):
            try:
                if name != _INCLUDE:
                    raise self._error(_macro(name), path)
                found |= self._include(parameters, path, within)
            except TemplateError as error:
                self._family.left_out.append(str(error))
        return found

    def _whole_include(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._transformed({"Name": _INCLUDE, "Parameters": parameters}, ("Transform",), ())

    def _include(
        self, parameters: Mapping[str, Any], path: Path, within: tuple[str, ...]
    ) -> dict[str, Any]:
        """Read the file of an AWS::Include. Raises TemplateError."""
        location = self._location(parameters.get("Location"), path)
        if location.startswith(("s3://", "https://")):
            words = f"includes {location}, and wsgate includes files of this machine only"
            raise self._error(
                f"{words}: give its path, as `aws cloudformation package` takes it", path
            )
        file = (self._source.path.parent / location).resolve()
        if str(file) in within:
            raise self._error(f"includes {location}, which includes itself", path)
        body = read_document(file).body
        if not isinstance(body, dict):
            raise self._error(f"includes {location}, which must be a mapping", path)
        included = self._included(body, path, (*within, str(file)))
        return dict(included)

    def _location(self, location: Any, path: Path) -> str:
        resolver = Resolver(self._names, {}, {}, _no_resource, _no_attribute)
        try:
            return text(resolver.resolve(location))
        except (Unresolved, TypeError) as error:
            reason = f": {error}" if isinstance(error, Unresolved) else ""
            said = f"includes {show(location)}, whose place is not known here{reason}"
            raise self._error(said, path) from None

    def _defined(self, name: str, resource: Any) -> Any:
        """Read the OpenAPI file of an HTTP API, as `sam build` does."""
        kind = resource.get("Type") if isinstance(resource, Mapping) else None
        uri, body = _DEFINITIONS.get(str(kind), ("", ""))
        properties = resource.get("Properties") if uri else None
        if not isinstance(properties, Mapping) or uri not in properties:
            return resource
        path = ("Resources", name, "Properties", uri)
        rest = {key: value for key, value in properties.items() if key != uri}
        try:
            included = self._include({"Location": properties[uri]}, path, ())
        except TemplateError as error:
            self._family.left_out.append(str(error))
            return {**resource, "Properties": rest}
        return {**resource, "Properties": {**rest, body: included}}

    # Loops.

    def _looped(self, value: Any, path: Path, resolver: Resolver) -> Any:
        if isinstance(value, list):
            return [self._looped(item, (*path, str(at)), resolver) for at, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {}
        for key, item in value.items():
            if not key.startswith(_LOOP):
                found[key] = self._looped(item, (*path, key), resolver)
                continue
            try:
                made = self._loop(item, (*path, key), resolver)
            except TemplateError as error:
                self._family.left_out.append(str(error))
                continue
            found |= made
            if len(path) == 1:
                self._origins |= dict.fromkeys(made, (*path, key))
        return found

    def _loop(self, arguments: Any, path: Path, resolver: Resolver) -> dict[str, Any]:
        """Write a loop out. Raises TemplateError."""
        match arguments:
            case [str(identifier), collection, Mapping() as fragment]:
                pass
            case _:
                words = "must have an identifier, a collection and one mapping of what to repeat"
                raise self._error(words, path)
        found: dict[str, Any] = {}
        for item in self._collection(collection, path, resolver):
            self._fragments += 1
            if self._fragments > MAX_FRAGMENTS:
                raise self._error(f"makes more than {MAX_FRAGMENTS} parts, with the others", path)
            written = _substituted(fragment, identifier, item)
            found |= self._looped(written, path[:-1], resolver)
        return found

    def _collection(self, collection: Any, path: Path, resolver: Resolver) -> list[str]:
        try:
            items = resolver.resolve(collection)
            if not isinstance(items, list):
                raise TypeError(items)
            return [text(item) for item in items]
        except (Unresolved, TypeError) as error:
            reason = f": {error}" if isinstance(error, Unresolved) else ""
            said = f"repeats over {show(collection)}, which is no list that is known here{reason}"
            raise self._error(said, path) from None

    # What is told.

    def _warn_of_extension(self, key: str, item: Any, path: Path) -> None:
        has_default = key == "Fn::FindInMap" and isinstance(item, list)
        is_extension = (
            key in _EXTENDED
            or key.startswith(_LOOP)
            or (has_default and len(item) == _WITH_DEFAULT)
        )
        if is_extension and not self._is_extended:
            said = f"uses {key}, which AWS knows only with Transform: {EXTENSIONS}"
            error = self._error(said, (*path, key))
            self._family.warnings.setdefault(f"{self._source.path} {EXTENSIONS}", str(error))

    def _leave_out(self, words: str, path: Path) -> None:
        self._family.left_out.append(str(self._error(words, path)))

    def _error(self, words: str, path: Path) -> TemplateError:
        where = f"{self._source.path}:{self._source.line(*path)}"
        return TemplateError(f"{where}: {'.'.join(path)} {words}.")


def _macro(name: str) -> str:
    return f"is the macro {name}, which runs on AWS only: what it makes is missing here"


def _substituted(value: Any, identifier: str, item: str) -> Any:
    """`${Id}` is the item, `&{Id}` its letters and digits, in keys as well as in values."""
    if isinstance(value, str):
        plain = re.sub(r"[^A-Za-z0-9]", "", item)
        return value.replace(f"${{{identifier}}}", item).replace(f"&{{{identifier}}}", plain)
    if isinstance(value, list):
        return [_substituted(one, identifier, item) for one in value]
    if not isinstance(value, Mapping):
        return value
    if value == {"Ref": identifier}:
        return item
    return dict(_substituted_pairs(value, identifier, item))


def _substituted_pairs(
    value: Mapping[str, Any], identifier: str, item: str
) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        yield _substituted(key, identifier, item), _substituted(one, identifier, item)


def _no_resource(name: str) -> str:
    raise Mistake(f"!Ref {name} is no parameter, and transforms know nothing else")


def _no_attribute(name: str, attribute: str) -> str:
    raise Mistake(f"!GetAtt {name}.{attribute} is not known before the resources are")
