"""The command: `wsgate`, in the folder of a template."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from wsgate.core import faults, quotas
from wsgate.credentials import CredentialError, from_environment
from wsgate.doctor import command as doctor
from wsgate.doctor.machine import look
from wsgate.doctor.sums import Needs, fitting_nodes
from wsgate.logs import Ready, Told
from wsgate.loops import loop_factory
from wsgate.model.ids import MAX_NODES
from wsgate.output import JSON_HELP, Heard, Output, renderer
from wsgate.sam_project import Project, ProjectError, env_vars, find, parameter_overrides
from wsgate.serve import Addresses, Options, StartupError, serve_at
from wsgate.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wsgate.core.signature import Credential

PREFIX = "WSGATE_PARAMETER_"
API_KEYS = "WSGATE_API_KEYS"
DEFAULT_REGION = "us-east-1"
DEBUG_PORT = 5678
"""Of the editors' own examples."""
MAX_CONCURRENCY = 1000
MAX_PORT = 65535
MAX_SEED = 2**32 - 1

DESCRIPTION = """\
Run the WebSocket API of a SAM template on this machine: its routes, authorizer and functions,
@connections, the HTTP API, queues and schedules, all behind one port of 127.0.0.1.
"""
EPILOG = f"""\
{JSON_HELP}
--record writes an event when the first of its kind and route comes: connect.json, disconnect.json,
authorize.json, message-ROUTE.json, web-METHOD-PATH.json, queue-NAME.json, schedule-NAME.json,
invoke-FUNCTION.json. A file that is there is left as it is; remove it to record it again. Secrets
are masked (***), and only you can read the files. Check them before you commit them: a secret in a
place of your own is not known for one.

environment:
  PORT                     the port, where --port is not given
  AWS_REGION, AWS_DEFAULT_REGION
                           the region, where neither --region nor samconfig.toml has one
  WSGATE_PARAMETER_<Name>  a value for the template's parameter <Name>; better than --parameter
                           for a secret, because others can read a command line
  WSGATE_SECRET_<KeyId>    the secret of --credentials <KeyId>; without it, AWS_SECRET_ACCESS_KEY
                           and AWS_SESSION_TOKEN, where AWS_ACCESS_KEY_ID is that key
  WSGATE_IDENTITY_<KeyId>  what events say of who signs with it, as JSON, such as a
                           {{"cognitoIdentityId": "…"}}
  WSGATE_API_KEYS          API keys that open $connect, with commas between; better than --api-key
  AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<X>
                           handed to functions: where you run services that are not emulated

`wsgate doctor` says how many connections this machine holds, and what stops more; `wsgate record`
and `wsgate compare` ask AWS and wsgate the same questions.

Ctrl-C and SIGTERM close every connection (1001), let $disconnect run, end the functions, and
exit with code 0. What keeps it from starting is one sentence and exit code 2.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop: 0 when stopped, 2 when refused with a sentence on stderr.

    `wsgate doctor`, `wsgate record` and `wsgate compare` are commands of their own.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["doctor"]:
        return doctor.main(words[1:])
    if words[:1] in (["record"], ["compare"]):
        from wsgate.comparison import command  # noqa: PLC0415  # a client, which a gateway needs not

        return (
            command.record_main(words[1:])
            if words[0] == "record"
            else command.compare_main(words[1:])
        )
    given = _parser().parse_args(words)
    output = Output(sys.stderr, renderer(sys.stderr, os.environ, as_json=given.json))
    if given.json:
        logging.basicConfig(handlers=[Heard(output)], level=logging.WARNING)
        logging.captureWarnings(capture=True)
    try:
        options = _options(given, os.environ, output)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(options, partial(_ready, options, output, as_json=given.json)))
    except StartupError as refused:
        output(Told(_now(), str(refused), "refused"))
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        output.flush()
    return 0


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The command line and the environment as options.

    Exits with 2, as argparse does, for a mistake in the one; raises StartupError for the other.
    """
    given = _parser().parse_args(arguments)
    return _options(given, environment, Output(sys.stderr, str))


def _options(given: argparse.Namespace, environment: Mapping[str, str], output: Output) -> Options:
    project = _project(given)
    return Options(
        template=project.template,
        config=project.config,
        port=_port(environment) if given.port is None else given.port,
        parameters=_parameters(given, project, environment),
        variables=_variables(given.env_vars or project.env_vars),
        region=_region(given, project, environment),
        account=given.account_id,
        moto=given.moto,
        debug=dict(given.debug),
        pages=dict(given.pages),
        nodes=given.nodes,
        concurrency=given.concurrency,
        invoke_endpoint=given.invoke_endpoint,
        python_here=given.python_here,
        authority=given.authority,
        compression=given.compression,
        credentials=_credentials(given.credentials, environment),
        iam=given.iam,
        hosts=tuple(given.allow_host),
        api_keys=(*given.api_key, *_texts(environment.get(API_KEYS, ""))),
        log=output.tell,
        lines=output,
        log_events=not given.quiet,
        console=given.console,
        record=given.record,
        quotas=given.quotas,
        faults=_faults(given.fault),
    )


def _project(given: argparse.Namespace) -> Project:
    try:
        return find(given.template, given.config_env)
    except ProjectError as error:
        raise StartupError(f"{error}.") from None


def _parameters(
    given: argparse.Namespace, project: Project, environment: Mapping[str, str]
) -> dict[str, str]:
    """The command line wins over the environment, and that over samconfig.toml."""
    inherited = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    overrides = {name: value for one in given.parameter_overrides for name, value in one.items()}
    return {**project.parameters, **inherited, **overrides, **dict(given.parameter)}


def _variables(path: Path | None) -> dict[str, dict[str, str]]:
    try:
        return {} if path is None else env_vars(path)
    except ProjectError as error:
        raise StartupError(f"{error}.") from None


def _region(given: argparse.Namespace, project: Project, environment: Mapping[str, str]) -> str:
    shell = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    region = given.region or project.region or shell or DEFAULT_REGION
    if not re.fullmatch(r"[a-z]{2}(?:-[a-z]+)+-\d+", region):
        raise StartupError(f"{region!r} is not a region of AWS, such as {DEFAULT_REGION}.")
    return region


async def _run(options: Options, ready: Callable[[Addresses], None]) -> None:
    """Serve until a signal comes; a second signal does not wait for the end."""
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(serve_at(options, ready))

    def stop() -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)
        serving.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsgate",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for add_flags in (_add_template, _add_functions, _add_gateway, _add_access, _add_output):
        add_flags(parser.add_argument)
    return parser


def _add_template(add: Callable[..., object]) -> None:
    add(
        "--template",
        type=Path,
        metavar="PATH",
        help="the SAM template to run; default: what `sam build` made, or template.yaml, "
        "template.yml or template.json of this folder",
    )
    add(
        "--port",
        type=_number(0, MAX_PORT),
        metavar="N",
        help="default: $PORT or 8080",
    )
    add(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value for a parameter of the template; may be repeated",
    )
    add(
        "--parameter-overrides",
        type=_overrides,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="values for parameters as SAM CLI takes them, ParameterKey=…,ParameterValue=… too",
    )
    add(
        "--config-env",
        metavar="NAME",
        help="the table of samconfig.toml to read parameters, region and env_vars from; "
        "default: default",
    )
    add("--region", metavar="REGION", help=f"default: samconfig's, or {DEFAULT_REGION}")
    add(
        "--account-id",
        type=_account,
        default="000000000000",
        metavar="ID",
        help="the account in ARNs and events; default: 000000000000",
    )
    add(
        "--pages",
        type=_mount,
        action="append",
        default=[],
        metavar="[PATH=]DIR",
        help="serve the files of this folder as well, under PATH (default: /); may be repeated",
    )


def _add_functions(add: Callable[..., object]) -> None:
    add(
        "--concurrency",
        type=_number(1, MAX_CONCURRENCY),
        default=10,
        metavar="N",
        help="processes per function at most; further calls wait, unless AWS would throttle them; "
        "default: 10",
    )
    add(
        "--env-vars",
        type=Path,
        metavar="PATH",
        help="a JSON file with other values for variables of functions, as `sam local` takes it",
    )
    add(
        "--moto",
        action="store_true",
        help="make the template's tables, buckets and topics on a local moto, empty",
    )
    add(
        "--debug",
        type=_debug,
        action="append",
        default=[],
        metavar="FUNCTION[:PORT]",
        help="let this function wait for a debugger (debugpy) at PORT, in one process and without "
        f"time-outs; default: {DEBUG_PORT}; may be repeated",
    )
    add(
        "--invoke-endpoint",
        metavar="URL",
        help="a Lambda API that runs functions of any runtime, such as `sam local start-lambda`",
    )
    add(
        "--python-here",
        action="store_true",
        help="with --invoke-endpoint: run the Python functions here, and only the others there",
    )


def _add_gateway(add: Callable[..., object]) -> None:
    add(
        "--nodes",
        type=_nodes,
        default=1,
        metavar="N",
        help="gateway processes that share the port: each holds as many connections as it may have "
        "open files; `auto` is as many as this machine's memory needs; default: 1",
    )
    add(
        "--authority",
        type=Path,
        metavar="PATH",
        help="write to this file the certificate (PEM) that clients of wss:// must trust",
    )
    add(
        "--no-compression",
        dest="compression",
        action="store_false",
        help="refuse permessage-deflate, which API Gateway accepts",
    )
    add(
        "--quotas",
        type=_quotas,
        nargs="?",
        const=quotas.Quotas(),
        metavar="NAME=N,…",
        help="refuse what is beyond an account's quotas (connections=500,requests=10000,burst=5000 "
        "a second, concurrency=1000 executions) and the stage's own throttling",
    )
    add(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="let something go wrong on purpose; may be repeated; `--fault list` lists them all, "
        "/_wsgate/faults shows and changes them while it runs",
    )


def _add_access(add: Callable[..., object]) -> None:
    add(
        "--iam",
        action="store_true",
        help="refuse calls of @connections and Invoke that are not signed, or that the function's "
        "role does not allow, as AWS does",
    )
    add(
        "--credentials",
        type=_key_id,
        action="append",
        default=[],
        metavar="KEY_ID",
        help="an access key that may sign requests; its secret is in the environment",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name besides localhost by which this gateway may be called and whose pages may ask "
        "it, such as that of a tunnel; `null` is for pages opened from a file; may be repeated",
    )
    add(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="an API key that opens $connect, where it has ApiKeyRequired",
    )


def _add_output(add: Callable[..., object]) -> None:
    add(
        "--no-console",
        dest="console",
        action="store_false",
        help="no page at /_wsgate; that path is the HTTP API's then",
    )
    add(
        "--record",
        type=Path,
        metavar="DIR",
        help="write the first event of each kind and route into this folder, as JSON; see below",
    )
    add("--json", action="store_true", help="lines of JSON on stderr; see below")
    add("--quiet", action="store_true", help="no line per event; functions are still heard")
    add("--version", action="version", version=f"wsgate {VERSION}")


def _credentials(key_ids: Sequence[str], environment: Mapping[str, str]) -> dict[str, Credential]:
    try:
        return from_environment(key_ids, environment)
    except CredentialError as error:
        raise StartupError(f"{error}.") from None


def _texts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _key_id(text: str) -> str:
    """Its form keeps a secret from being given for it, and being repeated in what is said."""
    if re.fullmatch(r"[A-Za-z0-9_]{4,128}", text):
        return text
    raise argparse.ArgumentTypeError("it is an access key's id, of letters and digits")


def _port(environment: Mapping[str, str]) -> int:
    try:
        return _number(0, MAX_PORT)(environment.get("PORT") or "8080")
    except argparse.ArgumentTypeError as error:
        raise StartupError(f"PORT in the environment: {error}.") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")

    return number


def _nodes(text: str) -> int:
    if text == "auto":
        return fitting_nodes(look(), Needs(connections=1))
    return _number(1, MAX_NODES)(text)


def _parameter(text: str) -> tuple[str, str]:
    """The value is not repeated in what is said about it: it may be a secret."""
    name, equals, value = text.partition("=")
    if not (name.isalnum() and equals):
        raise argparse.ArgumentTypeError("it is written NAME=VALUE, with a name of the template")
    return name, value


def _overrides(text: str) -> dict[str, str]:
    try:
        return parameter_overrides(text)
    except ProjectError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _debug(text: str) -> tuple[str, int]:
    name, _, port = text.partition(":")
    return name, _number(1, MAX_PORT)(port) if port else DEBUG_PORT


def _account(text: str) -> str:
    if re.fullmatch(r"[0-9]{12}", text):
        return text
    raise argparse.ArgumentTypeError("an account's id has twelve digits")


def _mount(text: str) -> tuple[str, Path]:
    """Where a folder is served, and the folder. `/=DIR` for one with an = in its name."""
    path, equals, folder = text.partition("=")
    return (path, Path(folder)) if equals and path.startswith("/") else ("/", Path(text))


def _quotas(text: str) -> quotas.Quotas:
    try:
        return quotas.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fault(text: str) -> tuple[str, float]:
    """`seed` is taken like a fault, and is none."""
    if text == "list":
        print(faults.listing())
        sys.exit(0)
    name, _, value = text.partition("=")
    try:
        if name == "seed":
            return name, float(_number(0, MAX_SEED)(value))
        return name, faults.parse(name, value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _faults(given: Sequence[tuple[str, float]]) -> faults.Faults:
    values = dict(given)
    seed = values.pop("seed", None)
    return faults.Faults(SystemRandom().getrandbits(32) if seed is None else int(seed), values)


def _ready(options: Options, output: Output, addresses: Addresses, *, as_json: bool) -> None:
    _greet(options, addresses)
    if as_json:
        output(Ready(_now(), **asdict(addresses)))


def _greet(options: Options, addresses: Addresses) -> None:
    page = f"\n  Console                       {addresses.console}" if addresses.console else ""
    more = "".join(f"{'':32}{address}\n" for address in addresses.more)
    config = f" with {options.config}" if options.config else ""
    print(
        f"wsgate {VERSION} runs {options.template}{config}\n"
        f"  WebSocket                     {addresses.websocket}\n"
        f"{more}"
        f"  @connections (endpoint_url)   {addresses.management}\n"
        f"  HTTP API, Lambda's Invoke     {addresses.http}{page}\n"
        f"  Connections at once           {addresses.connections}",
        flush=True,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
