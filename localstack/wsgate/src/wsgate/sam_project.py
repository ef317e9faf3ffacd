"""What a SAM project says beside its template: samconfig.toml, parameter overrides, variables.

Each is read as SAM CLI reads it, so that a project needs no second file for wsgate:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
(2026-11-30; SAM CLI 1.170)
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

DEFAULT_ENVIRONMENT: Final = "default"
FOR_ALL: Final = "Parameters"
"""The key of an --env-vars file whose variables are for every function."""

_TEMPLATES: Final = ("template.yaml", "template.yml", "template.json")
# `sam local` runs what `sam build` made, where that is.
_BUILT: Final = ".aws-sam/build/template.yaml"
_CONFIGS: Final = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
# The first that has a value wins; SAM CLI has no command `wsgate`, and leaves its section alone.
_COMMANDS: Final = ("wsgate", "local_start_api", "build", "deploy", "global")
_PAIR: Final = re.compile(r"ParameterKey=([A-Za-z0-9]+),ParameterValue=(.*)", re.DOTALL)
_SHORT_PAIR: Final = re.compile(r"([A-Za-z0-9]+)=(.*)", re.DOTALL)


class ProjectError(ValueError):
    """A file of the project that cannot be read: one sentence, which holds no value."""


@dataclass(frozen=True)
class Project:
    """Where the template is, and what its samconfig.toml says."""

    template: Path
    config: Path | None = None
    """The samconfig.toml that was read."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    region: str | None = None
    env_vars: Path | None = None
    """The file of --env-vars."""


def find(template: Path | None, environment: str | None, folder: Path | None = None) -> Project:
    """The project of a template, or of `folder` (default: where wsgate was started).

    `environment` is a table of samconfig.toml; None is `default`, which need not be there.
    Raises ProjectError.
    """
    folder = folder or (Path() if template is None else template.parent)
    config = next(filter(Path.is_file, (folder / name for name in _CONFIGS)), None)
    values = {} if config is None else _values(config, environment)
    if config is None and environment is not None:
        raise ProjectError(f"--config-env {environment} needs a samconfig.toml in {_named(folder)}")
    named = values.get("template_file", values.get("template"))
    region, variables = values.get("region"), values.get("env_vars")
    return Project(
        template or (_template(folder) if named is None else folder / str(named)),
        config,
        {} if config is None else _configured(config, values.get("parameter_overrides")),
        None if region is None else str(region),
        None if variables is None else folder / str(variables),
    )


def parameter_overrides(text: str) -> dict[str, str]:
    """What `--parameter-overrides` says, in both of SAM's shapes. Raises ProjectError.

    `Name=value Other='a b'` or `ParameterKey=Name,ParameterValue=value …`. The value is not
    repeated in what is said about it: it may be a secret.
    """
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation mark that belongs to a value
        words = [text]
    pairs = [_pair(word) for word in words]
    if None in pairs:
        pairs = [_pair(text)]  # the shell has taken the quotation marks away
    if None in pairs:
        words_ = "Name=Value or ParameterKey=Name,ParameterValue=Value"
        raise ProjectError(f"a parameter override is written {words_}")
    return dict(pair for pair in pairs if pair is not None)


def env_vars(path: Path) -> dict[str, dict[str, str]]:
    """The variables of a file for `--env-vars`, by function; `Parameters` is all of them.

    `{"Function": {"NAME": "value"}}` or `{"Parameters": {"NAME": "value"}}`, or both in one.
    Raises ProjectError.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"--env-vars {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ProjectError(f"--env-vars {path}: it is not JSON") from None
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        shape = '{"FunctionName": {"NAME": "value"}} or {"Parameters": {"NAME": "value"}}'
        raise ProjectError(f"--env-vars {path}: it must be {shape}")
    return {
        function: {name: _text(value) for name, value in variables.items()}
        for function, variables in given.items()
    }


def _template(folder: Path) -> Path:
    names = (_BUILT, *_TEMPLATES)
    found = next(filter(Path.is_file, (folder / name for name in names)), None)
    if found is None:
        words = f"no template.yaml, template.yml or template.json in {_named(folder)}"
        raise ProjectError(f"There is {words}: give one with --template")
    return found


def _values(config: Path, environment: str | None) -> dict[str, Any]:
    """The values of one table of a samconfig.toml, of the commands that concern wsgate."""
    try:
        text = config.read_text(encoding="utf-8")
        body = tomllib.loads(text) if config.suffix == ".toml" else yaml.safe_load(text)
    except OSError as error:
        raise ProjectError(f"{config}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{config}: {' '.join(str(error).split())}") from None
    table = _table(body, environment or DEFAULT_ENVIRONMENT)
    if not table and environment is not None:
        raise ProjectError(f"--config-env {environment}: {config} has no table of that name")
    values: dict[str, Any] = {}
    for command in reversed(_COMMANDS):
        values |= _table(_table(table, command), "parameters")
    return values


def _table(body: Any, name: str) -> dict[str, Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _configured(config: Path, given: Any) -> dict[str, str]:
    """`parameter_overrides` of samconfig.toml: a text, a list of texts, or a table."""
    try:
        match given:
            case None:
                return {}
            case Mapping():
                return {str(name): _text(value) for name, value in given.items()}
            case list():
                lists = [parameter_overrides(str(one)) for one in given]
                return {name: value for one in lists for name, value in one.items()}
            case _:
                return parameter_overrides(str(given))
    except ProjectError as error:
        raise ProjectError(f"{config}: parameter_overrides: {error}") from None


def _pair(word: str) -> tuple[str, str] | None:
    found = _PAIR.fullmatch(word) or _SHORT_PAIR.fullmatch(word)
    return None if found is None else (found[1], found[2])


def _text(value: Any) -> str:
    """A value of JSON as SAM hands it to a function."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(folder: Path) -> str:
    return "this folder" if folder == Path() else str(folder)
