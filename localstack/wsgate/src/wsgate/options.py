"""What a run is asked for, where it is reached, and why it cannot begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING

from wsgate.core.faults import Faults
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wsgate.core.quotas import Quotas
    from wsgate.core.signature import Credential
    from wsgate.logs import LogSink


class StartupError(Exception):
    """It cannot run; the message is one sentence for a person and holds no secret."""


@dataclass(frozen=True)
class Options:
    """What to run, and where."""

    template: Path
    port: int = 8080
    """0 takes any free port."""
    host: str = "127.0.0.1"
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """Other values for variables of functions, by function; `Parameters` is all of them."""
    region: str = "us-east-1"
    account: str = "000000000000"
    moto: bool = False
    """Make the template's tables, buckets and topics on a local moto."""
    debug: Mapping[str, int] = field(default_factory=dict)
    """Functions that wait for a debugger, by name or logical id, each with its port."""
    config: Path | None = None
    """The samconfig.toml that was read; a change of it is told, as one of the template is."""
    pages: Mapping[str, Path] = field(default_factory=dict)
    """Folders whose files are served beside the HTTP API, each by the path it is mounted on."""
    nodes: int = 1
    """Gateway processes behind the port; with more than one, each is a process of its own."""
    concurrency: int = 10
    """Execution environments per function, at most."""
    invoke_endpoint: str | None = None
    """A Lambda API that runs the functions in place of the built-in runner."""
    python_here: bool = False
    """With an endpoint: still run Python functions here, and only the others there."""
    authority: Path | None = None
    """Where to write the certificate that clients of `wss://` and `https://` have to trust."""
    compression: bool = True
    log: Callable[[str], None] = print
    """Takes a line per event, and each line that a function writes."""
    lines: LogSink | None = None
    """Takes the same as values, in place of `log`: see lines.py."""
    log_events: bool = True
    """Off leaves only the functions' own lines."""
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    """Keys that may sign besides the local one, by their id."""
    iam: bool = False
    """On checks the signature of every call of @connections and Invoke, and the caller's role."""
    hosts: tuple[str, ...] = ()
    """Names by which this gateway may be called, and whose pages may ask it; `null` is a page
    without an origin, such as a file."""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """API keys that open $connect besides those of the template."""
    console: bool = True
    """The page at /_wsgate; off leaves that path to the HTTP API."""
    record: Path | None = None
    """A folder that gets the first event of each kind and route, as a file of JSON."""
    limits: Limits = field(default_factory=Limits)
    quotas: Quotas | None = None
    """What AWS lets an account do per second; None does not count."""
    faults: Faults = field(default_factory=lambda: Faults(SystemRandom().getrandbits(32)))
    """The injected faults, which can be changed at run time."""


@dataclass(frozen=True)
class Addresses:
    """Where what runs is reached."""

    websocket: str
    management: str
    """The `endpoint_url` of an `apigatewaymanagementapi` client."""
    more: tuple[str, ...]
    """Where else the WebSocket APIs are: other stages, other APIs, custom domains."""
    http: str
    """The HTTP API and the pages; also the `endpoint_url` of a `lambda` client."""
    console: str | None = None
    """The page that shows what happens."""
    connections: int = 0
    """How many WebSockets this process has files for; more are refused with 503."""
