"""Where the code of a function or a layer lies on this machine, made into a folder if it is none.

CodeUri, Code, ContentUri and Content as the author wrote them: the translator only takes S3's.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wsgate.template.stack import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

# Unzipped, layers included: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# (2026-11-24)
MAX_BYTES: Final = 250 * 1024 * 1024

_SAM_KEYS: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
_RAW_KEYS: Final = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}


class Scratch:
    """A folder for what must be unpacked or written down; each archive is unpacked once.

    Who gives the folder removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unpacked: dict[Path, Path] = {}

    def unpack(self, archive: Path) -> Path:
        """Return the folder of what is in a zip file. Raises OSError or zipfile.BadZipFile."""
        if archive not in self._unpacked:
            folder = self._new()
            with zipfile.ZipFile(archive) as opened:
                _extract(opened, folder)
            self._unpacked[archive] = folder
        return self._unpacked[archive]

    def write(self, name: str, words: str) -> Path:
        """Return a folder with one file."""
        folder = self._new()
        (folder / name).write_text(words, encoding="utf-8")
        return folder

    def _new(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))


def code_folder(resource: Resource, scratch: Scratch) -> Path:
    """Return the folder of a function's code. Raises TemplateError."""
    written, key = _written(resource, {"AWS::Serverless::Function", "AWS::Lambda::Function"})
    if key == "CodeUri":
        shared = resource.stack.source.body.get("Globals", {}).get("Function", {})
        written = {**shared, **written}
        if (inline := _get(resource, written, "InlineCode")) is not None:
            return _inline(inline, scratch, resource, "InlineCode")
        written.setdefault(key, ".")
    elif isinstance(code := _get(resource, written, key), dict) and "ZipFile" in code:
        return _inline(code["ZipFile"], scratch, resource, key, "ZipFile")
    return _folder(resource, written, key, scratch)


def layer_folder(resource: Resource, scratch: Scratch) -> Path:
    """Return the folder of a layer's content. Raises TemplateError."""
    kinds = {"AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"}
    written, key = _written(resource, kinds)
    folder = _folder(resource, written, key, scratch)
    if not any((folder / name).is_dir() for name in ("python", "bin", "lib")):
        words = "holds no folder python, bin or lib, which is all that a function sees of a layer"
        raise resource.error(f"{words}; `sam build` makes one of requirements", key)
    return folder


def _written(resource: Resource, kinds: set[str]) -> tuple[dict[str, Any], str]:
    """Return the properties before the translator saw them, and which of them holds the code.

    SAM calls the layer version that it makes of `Shared` by another name, such as `Sharedf00d5eed`.
    """
    body, name = resource.stack.source.body["Resources"], resource.logical_id
    names = [key for key in body if name.startswith(key) and body[key].get("Type") in kinds]
    written = body[max(names, key=len)] if names else {}
    if (key := _SAM_KEYS.get(str(written.get("Type")))) is not None:
        return dict(written.get("Properties") or {}), key
    key = _RAW_KEYS[resource.kind]
    return {**written.get("Properties", {}), **_asset(written, key)}, key


def _asset(written: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return the folder that the CDK synthesised beside its template, which only names S3.

    The CDK adds it for SAM CLI: https://github.com/aws/aws-cdk/pull/1433 (2026-11-23)
    """
    metadata = written.get("Metadata") or {}
    is_code = metadata.get("aws:asset:property") == key and "aws:asset:path" in metadata
    return {key: str(metadata["aws:asset:path"])} if is_code else {}


def _get(resource: Resource, properties: Mapping[str, Any], key: str) -> Any:
    """Resolve a property of what was written."""
    body = {"Type": resource.kind, "Properties": properties}
    return Resource(resource.stack, resource.logical_id, body).get(key)


def _folder(resource: Resource, written: Mapping[str, Any], key: str, scratch: Scratch) -> Path:
    uri = _get(resource, written, key)
    found = _beside(resource.stack.path.parent, uri)
    if found is None:
        raise resource.error("must be a folder or a .zip file on this machine to run here", key)
    if found.is_dir():
        return found
    if not found.is_file():
        words = "which is neither a folder nor a .zip file beside the template"
        raise resource.error(f"is {uri!r}, {words}", key)
    try:
        return scratch.unpack(found)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise resource.error(
            f"is {found.name!r}, which cannot be unpacked: {error}", key
        ) from error


def _beside(folder: Path, uri: Any) -> Path | None:
    """Return what is meant on this machine; None for what only S3 has.

    The Serverless Framework leaves what it uploads beside the template that it makes
    (`.serverless/service.zip`), and the template has the name at the end of S3Key.
    https://www.serverless.com/framework/docs/providers/aws/guide/packaging (2026-11-24)
    """
    if isinstance(uri, str) and not uri.startswith(("s3://", "https://")):
        return (folder / uri).resolve()
    if isinstance(uri, dict) and isinstance(name := uri.get("S3Key"), str):
        uploaded = folder / name.rpartition("/")[2]
        return uploaded if uploaded.suffix == ".zip" and uploaded.is_file() else None
    return None


def _inline(code: Any, scratch: Scratch, resource: Resource, *path: str) -> Path:
    """Lambda makes `index.py` of it, whatever the handler is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
    (2026-11-24)
    """
    if not isinstance(code, str):
        raise resource.error("must be a text", *path)
    return scratch.write("index.py", code)


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpack with the permissions that are written down; names that lead outside stay inside."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES} bytes, and Lambda takes no more")
    for entry in entries:
        path = Path(archive.extract(entry, folder))
        mode = entry.external_attr >> 16 & 0o777
        if mode and not entry.is_dir():
            path.chmod(mode | 0o600)
