"""Run everything a template asks for on one port, until cancelled."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from wsgate import certificates, open_files
from wsgate.apis.pages import Pages
from wsgate.console.api import PATH as CONSOLE_PATH
from wsgate.credentials import known, secrets_of, session_token, with_api_keys, with_own_keys
from wsgate.functions import memory
from wsgate.functions.counting import CountingInvoker
from wsgate.functions.fault_injection import FaultyInvoker, FaultyQueue
from wsgate.functions.local_aws import TOKEN
from wsgate.functions.reloader import CodeWatch
from wsgate.logs import as_text, masked
from wsgate.masking import Mask
from wsgate.metrics import Metrics
from wsgate.model.invoke import Reports
from wsgate.model.overrides import NO_TIMEOUT, with_variables, without_timeouts
from wsgate.model.urls import own_names, stage_urls, with_endpoints
from wsgate.node.neighbours import MAX_FOLDER_CHARACTERS
from wsgate.node.node import Node
from wsgate.node.settings import Settings
from wsgate.nodes import NodeError, Nodes, Places
from wsgate.notices import function_log, tell, tell_what_differs, tell_what_is_reached
from wsgate.options import Addresses, Options, StartupError
from wsgate.threads import in_thread
from wsgate.transport.listening import BACKLOG, listening
from wsgate.triggers.schedules import Schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgate.certificates import Certificates
    from wsgate.core.access import Principal
    from wsgate.functions.environments import Environments
    from wsgate.logs import Line
    from wsgate.model.capacity import Capacity
    from wsgate.model.invoke import Invoker
    from wsgate.model.plan import Function, Plan
    from wsgate.stand_ins.stand_ins import StandIns
    from wsgate.triggers.queues import Queues

__all__ = ["Addresses", "Options", "StartupError", "serve", "serve_at"]


async def serve(options: Options, ready: Callable[[], None]) -> None:
    """Serve until cancelled, then end whatever was started.

    `ready` is called once, when connections are accepted. Raises StartupError when it cannot begin.
    """
    await serve_at(options, lambda _: ready())


async def serve_at(options: Options, ready: Callable[[Addresses], None]) -> None:
    """`serve`, for a caller that wants to know where."""
    limit = open_files.raise_limit()
    async with AsyncExitStack() as stack:
        ground = await _prepare(options, stack)
        plan, metrics = ground.plan, Metrics()
        options = _masked(_patient(options, ground), ground.mask, metrics)
        tell_what_differs(options, plan)
        made = await _start_stand_ins(options, ground)
        tell_what_is_reached(options, plan, _variables(ground), made)
        runner = await _runner(options, ground, stack)
        faulty = FaultyInvoker(runner, options.faults, function_log(options))
        invoker = CountingInvoker(_recorder(options, faulty, ground.mask), metrics)
        environments = 0 if options.nodes > 1 else options.concurrency * len(plan.functions)
        capacity = open_files.capacity(limit, environments)
        settings = _settings(options, ground, capacity)
        node = _node(options, plan, invoker, settings)  # it checks the plan; it may be the only one
        if node.console_state is not None and isinstance(runner, Reports):
            node.console_state.functions = runner
        witnessed = partial(node.witnessed, invoker)
        queues = await _start_triggers(options, plan, witnessed, ground, stack)
        await _watch_template(options, stack)

        async def read_metrics() -> str:
            return metrics.text(await queues.gauges() if queues else [])

        if options.nodes == 1:
            node.metrics = read_metrics
            await stack.enter_async_context(listening(node, ground.listeners[0]))
            connections = capacity.connections
        else:
            places = Places(ground.listeners, _socket_folder(stack))
            shown = node.console_state
            nodes = Nodes(plan, invoker, settings, places, shown, metrics=read_metrics)
            await _start_nodes(nodes, stack)
            connections = nodes.connections
        addresses = _addresses(plan, ground.address, has_console=options.console)
        ready(replace(addresses, connections=connections))
        await asyncio.Event().wait()


@dataclass(frozen=True)
class _Ground:
    """What there is before anything runs."""

    listeners: list[socket.socket]
    address: str
    """Host and port."""
    queue_listener: socket.socket
    """Closed if the plan has no queue."""
    pages: Pages | None
    plan: Plan
    token: str = field(repr=False)
    """The session token of this run's functions."""
    mask: Mask
    principals: Mapping[str, Principal]
    certified: Certificates
    debugged: Mapping[str, int]
    """The port of each function that waits for a debugger, by its name."""
    stand_ins: StandIns | None

    @property
    def queue_port(self) -> int:
        port: int = self.queue_listener.getsockname()[1]
        return port


async def _prepare(options: Options, stack: AsyncExitStack) -> _Ground:
    """Take the port, read the template, make the certificate. Raises StartupError."""
    listeners = _listen(options)
    for listener in listeners:
        stack.enter_context(listener)
    address = f"{options.host}:{listeners[0].getsockname()[1]}"
    pages = _pages(options.pages)
    # Bound here and never given back, so that no other program can have the queues' port.
    queue_listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG))
    queue_port = queue_listener.getsockname()[1]
    folder = tempfile.TemporaryDirectory(prefix="wsgate-", ignore_cleanup_errors=True)
    scratch = Path(stack.enter_context(folder))
    token = session_token()
    plan = await _load(options, queue_port, token, scratch)
    plan = with_endpoints(with_variables(plan, options.variables), address)
    debugged = _debugged(options, plan)
    plan = without_timeouts(plan, debugged) if debugged else plan
    if not plan.queues:
        queue_listener.close()
    plan, principals = _with_callers(options, plan, token)
    mask = Mask(secrets_of(plan, options.credentials, token))
    certified = await in_thread(_certify, options, plan, address, scratch)
    return _Ground(
        listeners,
        address,
        queue_listener,
        pages,
        plan,
        token,
        mask,
        principals,
        certified,
        debugged,
        _stand_ins(options, plan, token, stack),
    )


def _listen(options: Options) -> list[socket.socket]:
    """Bind and listen at once: a port in use is known before anything else is tried.

    Each node has a socket of its own where the system spreads connections over those that share a
    port; elsewhere they all accept from one. A restarted node finds its socket here, and the
    connections that arrived in the meantime.
    """
    if options.port not in range(65536):
        raise StartupError(f"{options.port} is not a port: that is a number up to 65535.")
    try:
        first = socket.create_server((options.host, options.port), backlog=BACKLOG)
        if options.nodes == 1 or sys.platform != "linux":
            return [first] * options.nodes
        # Sharing would also let a second gateway in, unnoticed: so the port was tried alone first.
        with first:
            address = first.getsockname()
        return [
            socket.create_server(address, backlog=BACKLOG, reuse_port=True)
            for _ in range(options.nodes)
        ]
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        raise StartupError(f"Cannot listen on {options.host}:{options.port}: {words}.") from error


def _pages(folders: Mapping[str, Path]) -> Pages | None:
    for folder in folders.values():
        if not folder.is_dir():
            raise StartupError(f"{folder} is not a folder to serve pages from.")
    return Pages(folders) if folders else None


async def _load(options: Options, queue_port: int, token: str, scratch: Path) -> Plan:
    endpoint = f"http://127.0.0.1:{queue_port}"
    return await in_thread(_read, options, endpoint, token, scratch)


def _read(options: Options, queue_endpoint: str, queue_token: str, scratch: Path) -> Plan:
    from wsgate.template.load import (  # noqa: PLC0415 most of a second: see _listen
        Elsewhere,
        TemplateError,
        load,
    )

    elsewhere = Elsewhere.NONE
    if options.invoke_endpoint is not None:
        elsewhere = Elsewhere.OTHERS if options.python_here else Elsewhere.ALL
    try:
        return load(
            options.template,
            parameters=options.parameters,
            queue_endpoint=queue_endpoint,
            queue_token=queue_token,
            scratch=scratch,
            elsewhere=elsewhere,
            region=options.region,
            account=options.account,
        )
    except TemplateError as error:
        raise StartupError(str(error)) from error


def _certify(options: Options, plan: Plan, address: str, scratch: Path) -> Certificates:
    """A certificate for every name that the stages are reached by."""
    hosts = [base.text.partition(":")[0] for base in stage_urls(plan, address)]
    made = certificates.make(scratch, [options.host, *hosts, *own_names(plan)])
    if options.authority is not None:
        try:
            options.authority.write_bytes(made.authority.read_bytes())
        except OSError as error:
            raise StartupError(
                f"{options.authority} cannot be written: {error.strerror}."
            ) from error
    return made


def _debugged(options: Options, plan: Plan) -> dict[str, int]:
    """The ports by the functions' own names. Raises StartupError."""
    here = [one for one in plan.functions.values() if not one.elsewhere]
    names = {key: one.name for one in here for key in (one.logical_id, one.name)}
    for given in options.debug:
        if given not in names:
            known = ", ".join(sorted(one.name for one in here)) or "none"
            words = f"of the functions that run here ({known}) it is none"
            raise StartupError(f"--debug {given}: {words}.")
    ports = list(options.debug.values())
    if len(set(ports)) < len(ports):
        raise StartupError("--debug: each function needs a port of its own, as in Chat:5679.")
    if ports and find_spec("debugpy") is None:
        raise StartupError("--debug needs debugpy beside wsgate: pip install debugpy.")
    return {names[given]: port for given, port in options.debug.items()}


def _stand_ins(options: Options, plan: Plan, token: str, stack: AsyncExitStack) -> StandIns | None:
    if not options.moto:
        return None
    if find_spec("moto") is None or find_spec("flask") is None:
        raise StartupError("--moto needs moto beside wsgate: pip install 'wsgate[sqs]'.")
    from wsgate.stand_ins.stand_ins import StandIns  # noqa: PLC0415 boto3, when it is asked for

    stand_ins = StandIns(plan, token, os.environ)
    stack.push_async_callback(stand_ins.close)
    return stand_ins


async def _start_stand_ins(options: Options, ground: _Ground) -> list[str]:
    """Return the logical ids of what they made."""
    if ground.stand_ins is None:
        return []
    from wsgate.stand_ins.stand_ins import StandInError  # noqa: PLC0415 see _stand_ins

    try:
        made, failed = await ground.stand_ins.start()
    except StandInError as error:
        raise StartupError(f"{error}.") from None
    for sentence in failed:
        tell(options, sentence, "left out")
    return made


def _patient(options: Options, ground: _Ground) -> Options:
    """The options with time for a debugger in an authorizer, which has a limit of its own."""
    guards = {stage.authorizer.function for stage in ground.plan.websockets if stage.authorizer}
    if guards.isdisjoint(ground.debugged):
        return options
    return replace(options, limits=replace(options.limits, authorizer=NO_TIMEOUT))


def _with_callers(options: Options, plan: Plan, token: str) -> tuple[Plan, dict[str, Principal]]:
    """The plan with the API keys that were given, and who may sign requests.

    Only with --iam a function signs with a key of its own: without, all of them are the local one.
    """
    plan = with_api_keys(plan, options.api_keys)
    plan, of_roles = with_own_keys(plan) if options.iam else (plan, {})
    return plan, known(plan, options.credentials, of_roles, token)


async def _runner(options: Options, ground: _Ground, stack: AsyncExitStack) -> Invoker:
    """What runs the functions: here, elsewhere, or both."""
    plan = ground.plan
    variables = _variables(ground) | ground.certified.variables
    here = {name: one for name, one in plan.functions.items() if not one.elsewhere}
    if options.invoke_endpoint is None:
        if options.python_here:
            raise StartupError(
                "--python-here is for a run with --invoke-endpoint, and there is none."
            )
        return await _environments(options, ground, here, variables, stack)
    from wsgate.functions.remote import RemoteInvoker, Split  # noqa: PLC0415 boto3 takes a third of a second

    try:
        remote = RemoteInvoker(options.invoke_endpoint, region=plan.region)
    except ValueError as error:
        words = "is not the URL of a Lambda API, such as http://127.0.0.1:3001"
        raise StartupError(f"--invoke-endpoint {options.invoke_endpoint} {words}.") from error
    stack.push_async_callback(remote.close)
    if not here:
        return remote
    environments = await _environments(options, ground, here, variables, stack)
    return Split(here, environments, remote)


async def _environments(
    options: Options,
    ground: _Ground,
    functions: Mapping[str, Function],
    variables: Mapping[str, str],
    stack: AsyncExitStack,
) -> Environments:
    from wsgate.functions.environments import Environments  # noqa: PLC0415 not needed with an endpoint

    if not memory.is_enforced():
        words = "MemorySize, because this system does not tell what a process takes"
        tell(options, words, "left out")
    environments = Environments(
        functions,
        log=function_log(options),
        variables=variables,
        region=ground.plan.region,
        account=ground.plan.account,
        concurrency=options.concurrency,
        account_concurrency=options.quotas.concurrency if options.quotas else None,
        here=[ground.address, *own_names(ground.plan)],
        debug=ground.debugged,
    )
    environments.await_debuggers()
    stack.push_async_callback(environments.close)
    await _watch_code(options, functions, environments, stack)
    return environments


def _masked(options: Options, mask: Mask, metrics: Metrics) -> Options:
    """The options with a log that shows no secret, and that is counted."""
    lines = masked(options.lines or as_text(options.log), mask)

    def say(line: Line) -> None:
        metrics.hear(line)
        lines(line)

    return replace(options, lines=say, log=lambda text: options.log(mask.text(text)))


def _recorder(options: Options, invoker: Invoker, mask: Mask) -> Invoker:
    """The invoker, with `record` one that writes down what it is given."""
    if options.record is None:
        return invoker
    from wsgate.functions.recorder import Recorder  # noqa: PLC0415 seldom asked for

    try:
        warn = partial(tell, options, kind="warning")
        return Recorder(invoker, options.record, mask, warn)
    except OSError as error:
        raise StartupError(f"Cannot record into {options.record}: {error.strerror}.") from error


async def _watch_code(
    options: Options,
    functions: Mapping[str, Function],
    environments: Environments,
    stack: AsyncExitStack,
) -> None:
    def changed(path: Path) -> None:
        if environments.recycle():
            tell(options, f"{path} changed: functions restart with their next event")

    folders = {folder for one in functions.values() for folder in (one.code, *one.layers)}
    await _watch(options, folders, changed, stack)


async def _watch_template(options: Options, stack: AsyncExitStack) -> None:
    """Routes, functions and their variables are those of the start: say so when they are old."""

    def changed(path: Path) -> None:
        tell(options, f"{path} changed: what runs is as before until you start it again")

    files = {file for file in (options.template, options.config) if file is not None}
    await _watch(options, files, changed, stack)


async def _watch(
    options: Options, paths: set[Path], changed: Callable[[Path], None], stack: AsyncExitStack
) -> None:
    watch = CodeWatch(paths, options.limits.code, changed)
    stack.push_async_callback(watch.close)
    await watch.start()


def _variables(ground: _Ground) -> dict[str, str]:
    """Where a function finds AWS: by itself through an SDK, @connections through its own code.

    No variable points an SDK to @connections: code that passes no endpoint_url would work here,
    but fail on AWS, where the default host serves no API (docs/aws-behaviour.md §11.3).
    """
    variables = {TOKEN: ground.token, "AWS_ENDPOINT_URL_LAMBDA": f"http://{ground.address}"}
    if ground.plan.queues:
        variables["AWS_ENDPOINT_URL_SQS"] = f"http://127.0.0.1:{ground.queue_port}"
    if ground.stand_ins is not None:
        variables |= ground.stand_ins.variables
    return variables


def _settings(options: Options, ground: _Ground, capacity: Capacity) -> Settings:
    return Settings(
        ground.address,
        limits=options.limits,
        pages=ground.pages,
        compression=options.compression,
        log=options.log,
        lines=options.lines,
        log_events=options.log_events,
        certificate=ground.certified.server,
        known=ground.principals,
        iam=options.iam,
        hosts=(options.host, *options.hosts),
        console=options.console,
        mask=ground.mask,
        quotas=options.quotas,
        share=1 / options.nodes,
        faults=options.faults,
        capacity=capacity,
    )


def _node(options: Options, plan: Plan, invoker: Invoker, settings: Settings) -> Node:
    try:
        return Node(plan, invoker, settings)
    except ValueError as error:
        raise StartupError(f"{options.template}: {error}.") from error


def _socket_folder(stack: AsyncExitStack) -> Path:
    """For the nodes' sockets, whose paths must be short: TMPDIR may be a long one."""
    for parent in (None, "/tmp"):  # noqa: S108 what is made in it is for this user only
        made = tempfile.TemporaryDirectory(prefix="wsgate-", dir=parent, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made))
        if len(str(folder)) <= MAX_FOLDER_CHARACTERS:
            break
    return folder


async def _start_nodes(nodes: Nodes, stack: AsyncExitStack) -> None:
    stack.push_async_callback(nodes.close)
    try:
        await nodes.start()
    except NodeError as error:
        raise StartupError(str(error)) from error


async def _start_triggers(
    options: Options,
    plan: Plan,
    witnessed: Callable[[str], Invoker],
    ground: _Ground,
    stack: AsyncExitStack,
) -> Queues | None:
    """`witnessed` gives the functions, in whose journal stands who asked."""
    queues = None
    if plan.queues:
        from wsgate.triggers.queues import QueueError, Queues  # noqa: PLC0415 boto3, when there are queues

        invoker = FaultyQueue(witnessed("queue"), options.faults, function_log(options))
        queues = Queues(
            plan,
            invoker,
            listener=ground.queue_listener,
            token=ground.token,
            log=function_log(options),
        )
        stack.push_async_callback(queues.close)
        try:
            await queues.start()
        except QueueError as error:
            raise StartupError(str(error)) from error
    schedules = Schedules(plan, witnessed("schedule"), log=function_log(options))
    stack.push_async_callback(schedules.close)
    await schedules.start()
    return queues


def _addresses(plan: Plan, address: str, *, has_console: bool = False) -> Addresses:
    first, *more = [base.text for base in stage_urls(plan, address)] or [address]
    others, http = tuple(f"ws://{base}" for base in more), f"http://{address}"
    console = f"{http}{CONSOLE_PATH}" if has_console else None
    return Addresses(f"ws://{first}", f"http://{first}", others, f"{http}/", console)
