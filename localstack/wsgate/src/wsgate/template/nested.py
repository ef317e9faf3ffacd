"""From a file to a stack, and to the stacks that are nested in it and lie on this machine.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
(2026-11-30)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from wsgate.template.expand import TemplateError, expand, read
from wsgate.template.intrinsics import Unknown, text
from wsgate.template.parameters import as_texts, parameter_values, secret_values
from wsgate.template.stack import Family, Place, Resource, Stack, pseudo_parameters
from wsgate.template.transforms import transform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# GUESS: more than any team has. A template that nests two, which nest two each, and so on, ends.
MAX_STACKS: Final = 100


@dataclass(frozen=True)
class Opener:
    """Reads stacks of one family."""

    place: Place
    family: Family

    def open(
        self,
        path: Path,
        given: Mapping[str, Any],
        prefix: str = "",
        above: tuple[Path, ...] = (),
    ) -> Stack:
        """Read a template with the parameters `given`, below the templates `above`.

        Raises TemplateError.
        """
        pseudo = pseudo_parameters(self.place, prefix)
        source = transform(read(path), given, pseudo, self.family)
        names = parameter_values(source, given)
        self.family.secrets.extend(secret_values(source, names))
        expanded = expand(source, as_texts(names), self.place.region, self.family.left_out.append)
        return Stack(
            source,
            expanded,
            names,
            self.place,
            family=self.family,
            prefix=prefix,
            open_nested=partial(self._nested, above=(*above, path.resolve())),
        )

    def _nested(self, resource: Resource, above: tuple[Path, ...]) -> Stack:
        path, prefix = _file(resource), f"{resource.stack.prefix}{resource.logical_id}-"
        if path.resolve() in above:
            raise resource.error("nests the template that it stands in")
        if len(self.family.stacks) >= MAX_STACKS:
            raise resource.error(f"is one of more than {MAX_STACKS} nested stacks")
        given = {name: _parameter(resource, name) for name in resource.keys("Parameters")}
        return self.open(path, given, prefix, above)


def _file(resource: Resource) -> Path:
    """The template of a nested stack, on this machine. Raises TemplateError."""
    written = resource.stack.source.body["Resources"].get(resource.logical_id, {})
    metadata, key = written.get("Metadata") or {}, "TemplateURL"
    if written.get("Type") == "AWS::Serverless::Application":
        key = "Location"
    # The CDK names S3, and leaves the file beside its template: see `code.py`.
    found = metadata.get("aws:asset:path") if isinstance(metadata, dict) else None
    location = found or resource.get(key)
    if not isinstance(location, str) or location.startswith(("https://", "http://", "s3://")):
        words = "is on AWS, and wsgate reads nested templates from this machine only"
        raise resource.error(f"{words}: give the path of a file beside this template", key)
    path = resource.stack.path.parent / location.removeprefix("file://")
    if not path.is_file():
        raise resource.error(f"is {location!r}, and there is no such file", key)
    return path


def _parameter(resource: Resource, name: str) -> str | Unknown:
    """What only AWS knows is missed where the nested stack uses it, if it does."""
    try:
        value = resource.get("Parameters", name)
        return ",".join(map(text, value)) if isinstance(value, list) else text(value)
    except TemplateError as error:
        return Unknown(f"!Ref {name} is not known here, because {str(error).removesuffix('.')}")
    except TypeError:
        raise resource.error("must be a text", "Parameters", name) from None
