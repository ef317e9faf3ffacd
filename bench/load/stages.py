"""The stages of a run: what is done, what is measured, what must be true behind it."""

from __future__ import annotations

import asyncio
import math
import os
import time
import uuid
from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from bench.load.options import processors
from bench.load.record import at, latencies
from bench.load.reports import paths
from bench.load.room import MIB
from bench.load.system import Down, OwnSystem
from bench.load.truth import Truth, judge_audience, say_late, wrong
from bench.load.waiting import HANG_SECONDS, LOOKS_PER_SECOND, until_none

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.load.crowds import Crowds
    from bench.load.deployed import Deployed, FarTruth
    from bench.load.meter import Meter
    from bench.load.options import Options
    from bench.load.record import Record, Stage
    from bench.load.tally import Wrong

WINDOW_SECONDS = 2 * HANG_SECONDS
"""Of a bonus to one user: longer than it is waited for."""
RUSH_SECONDS = 2 * HANG_SECONDS
"""Of the bonus to all, beside the time in which they claim it."""
ANSWER_SECONDS = 60.0
"""Of claims that are sent at the end of their window."""
USUAL_PING_SECONDS = 480
TIMES_ASKED = 3
"""Each report: the first may start a function, so the middle one counts."""
REFUSED = 422
"""The status of a report that the database cancelled, so that live traffic does not wait for it."""
MATURE_SECONDS = 61.0
"""The sweep looks up connections that are a minute old."""
# Of a run that cannot wait: young connections become so old, and their sessions do not. Rows that
# are being changed are left for another time: many locks at once would make deadlocks with others.
YOUNG = """
watching_times where ended_at is null and exists (
    select from connections(nodes) c where c.opened_at > clock_timestamp() - interval '1 minute')
"""
MATURE = f"""
with young as materialized (select user_id, resource from {YOUNG} for update skip locked)
update watching_times w set nodes = (
    select jsonb_object_agg(node, connections) from (
        select n.key as node, jsonb_object_agg(c.key, c.value || jsonb_build_object('at', least(
                   (c.value ->> 'at')::numeric,
                   extract(epoch from clock_timestamp())::numeric(14, 3) - 61))) as connections
          from jsonb_each(nodes) as n, jsonb_each(n.value) as c group by n.key) as by_node)
  from young y where w.user_id = y.user_id and w.resource = y.resource
"""  # noqa: S608 our own words
# Of the same run: its ramp was long ago, so no more users are expected than there are. And clients
# heard of a longer window since then, so the server waits for ten minutes: a gateway takes as long
# to start as the machine needs, however fast the clock is.
LONG_AGO = """
update line_limits set expected = 0, connections = 1000000000,
       longest = greatest(longest, '5 minutes')
"""


@dataclass(frozen=True)
class Offer:
    """A bonus to all."""

    bonus_id: str
    ends_at: float
    """When its window ends, in seconds since the epoch."""


@dataclass
class Scene:
    """What the stages play with."""

    options: Options
    system: OwnSystem | Deployed
    crowds: Crowds
    truth: Truth | FarTruth
    record: Record
    meter: Meter
    offer: Offer | None = None
    """The bonus to all, which the rush claims."""
    is_prepared: bool = False
    """Whether clients know the window of all of them."""
    reached: float = math.inf
    """Users a second that came: more than that who say hello at once are an overload."""

    @property
    def own(self) -> OwnSystem:
        """For the stages that kill."""
        assert isinstance(self.system, OwnSystem)
        return self.system

    @property
    def own_truth(self) -> Truth:
        """Of the same stages."""
        assert isinstance(self.truth, Truth)
        return self.truth

    @property
    def usual_ping(self) -> float:
        """Seconds between two pings of a user, where a stage says nothing else."""
        return USUAL_PING_SECONDS / self.options.scale

    def share(self, rate: float) -> float:
        """One process' part of a rate."""
        return rate / len(self.crowds)

    def shares(self, many: int) -> list[int]:
        """A number, spread over the processes."""
        processes = len(self.crowds)
        return [many // processes + (index < many % processes) for index in range(processes)]


async def ramp(scene: Scene, stage: Stage) -> None:
    """All come online."""
    # The gateway closes what is silent for ten minutes, and many users take longer to come.
    # Who has just come has nothing to send yet.
    await scene.crowds.ask("ping", scene.usual_ping, scene.usual_ping)
    began = time.perf_counter()
    await _all_come(scene)
    seconds = time.perf_counter() - began
    scene.reached = scene.options.users / seconds
    stage.figures["users"] = scene.options.users
    stage.figures["connects_per_second"] = round(scene.reached, 1)
    used = {kind: 1000 * each / scene.options.users for kind, each in stage.processor.items()}
    stage.figures["processor_ms_of_a_connect"] = {
        **{kind: round(each, 2) for kind, each in used.items()},
        "all": round(sum(used.values()), 2),
    }
    _say_what_limits(scene, stage)
    stage.wrong += await scene.truth.presence()


async def _all_come(scene: Scene) -> None:
    """A client tries for ever. Raises Down where none has come for long."""
    coming = asyncio.create_task(scene.crowds.ask("come", scene.share(scene.options.rate)))

    async def missing() -> int:
        return 0 if coming.done() else max(1, scene.options.users - scene.record.open)

    try:
        if left := await until_none(missing):
            raise Down(f"{left:,} users are not let in: none came for {HANG_SECONDS:.0f} s.")
        await coming
    finally:
        coming.cancel()


def _say_what_limits(scene: Scene, stage: Stage) -> None:
    """A gateway elsewhere that takes fewer than asked, while this machine has time left."""
    reached, asked = stage.figures["connects_per_second"], scene.options.rate
    moments = [moment for moment in scene.record.moments if moment.at >= stage.began]
    if not scene.options.target or reached > 0.9 * asked or not moments:
        return
    cpus = os.cpu_count() or 1
    busy = sum(moment.busy for moment in moments) / len(moments)
    who = "this machine" if busy > 0.8 * cpus else "the far side"
    scene.record.notes.append(
        f"{who.capitalize()} is the limit: {reached:,.0f} of {asked:,.0f} connects/s, while this"
        f" machine used {busy:.1f} of its {cpus} processors."
    )


async def hold(scene: Scene, stage: Stage) -> None:
    """All are there, and send pings."""
    every = scene.options.ping / scene.options.scale
    await scene.crowds.ask("ping", every)
    began = scene.record.now
    await asyncio.sleep(scene.options.hold)
    _say_what_rest_takes(scene, stage, began)
    held = await asyncio.to_thread(scene.meter.held)
    stage.figures["memory_mib"] = {kind: round(size / MIB) for kind, size in held.items()}
    await scene.crowds.ask("ping", 0)
    await scene.crowds.ask("pongs")
    await scene.crowds.ask("tell")
    await scene.crowds.ask("ping", max(every, scene.usual_ping))
    stage.figures["seconds_between_pings"] = round(every, 1)
    stage.figures["pings"] = stage.counts["pings"]
    stage.wrong += await scene.truth.presence()


def _say_what_rest_takes(scene: Scene, stage: Stage, began: float) -> None:
    """Processors in use since then by kind of process, and as a share of the machine."""
    moments = [moment.processor for moment in scene.record.moments if moment.at > began]
    if not moments:
        return
    used = {
        kind: round(sum(moment[kind] for moment in moments) / len(moments), 3)
        for kind in moments[0]
    }
    stage.figures["processors_at_rest"] = used
    stage.figures["share_of_the_machine"] = round(sum(used.values()) / processors(), 4)


async def reports(scene: Scene, stage: Stage) -> None:
    """What those ask who look after all of them, and how large the database is by then."""
    took: dict[str, float | str] = {}
    answers: dict[str, Any] = {}
    for name, path in paths(datetime.now(UTC)).items():
        times = []
        try:
            for _ in range(TIMES_ASKED):
                began = time.perf_counter()
                answers[name] = await scene.system.ask("GET", path)
                times.append(time.perf_counter() - began)
        except HTTPError as error:
            if error.code != REFUSED:
                raise
        took[name] = round(1000 * median(times), 1) if len(times) == TIMES_ASKED else "refused"
    stage.figures["report_ms"] = took
    if isinstance(scene.system, OwnSystem):
        stage.figures["database_bytes"] = await scene.own.database.fetchval(
            "select pg_database_size(current_database())"
        )
        stage.wrong += judge_audience(scene.options.users, answers.get("audience"))


async def acts(scene: Scene, stage: Stage) -> None:
    """Some have a second device, which hears of what they do on the first."""
    options, crowds = scene.options, scene.crowds
    users = min(options.users, max(1, options.acts // 5))
    shares = scene.shares(users)
    await crowds.ask_each("double", [[many] for many in shares])
    times = max(1, options.acts // users)
    rate = scene.share(options.rate / 4)
    done = await crowds.ask_each("act", [[many, times, rate] for many in shares])
    stage.figures["acts"] = users * times
    stage.figures["pushed_to_the_other_device"] = sum(done)
    stage.wrong += await scene.truth.presence()
    await crowds.ask("single")
    stage.wrong += await scene.truth.presence()


async def bonus(scene: Scene, stage: Stage) -> None:
    """Bonuses to one user each, while all others are there: from the button to the screen."""
    waits, missing = array("d"), list[str]()
    names = [list(users) for users in await scene.crowds.ask("names")]
    for number in range(scene.options.bonuses):
        index = number % len(names)
        user_id = names[index][number * 7919 % len(names[index])]
        bonus_id = str(uuid.uuid4())
        waiting = asyncio.create_task(scene.crowds.ask_one(index, "wait_for", bonus_id, user_id))
        pressed = time.time()
        await _press(scene, bonus_id, {"kind": "users", "user_ids": [user_id]}, WINDOW_SECONDS)
        shown = await waiting
        if shown is None:
            missing.append(user_id)
        else:
            waits.append(shown - pressed)
    stage.waits["button to screen"] = waits
    stage.figures["bonuses"] = scene.options.bonuses
    stage.figures["button_to_screen_ms"] = latencies(waits)
    stage.wrong += wrong("a bonus to one user never came", missing)


async def everyone(scene: Scene, stage: Stage) -> None:
    """A bonus to all: when has the last one got it?"""
    options, bonus_id = scene.options, str(uuid.uuid4())
    window = RUSH_SECONDS + options.spread / options.scale
    pressed = time.time()
    await _press(scene, bonus_id, {"kind": "everyone"}, window, stock=options.stock)
    scene.offer = Offer(bonus_id, pressed + window)
    waits = await _until_all_have_it(scene, bonus_id, pressed)
    stage.waits["bonus to all"] = waits
    stage.figures["bonus_to_all_ms"] = latencies(waits)
    stage.figures["brought_by_a_hello"] = options.users - len(waits)
    missing = [user for users in await scene.crowds.ask("without", bonus_id) for user in users]
    stage.wrong += wrong("the bonus to all never came", missing)


async def rush(scene: Scene, stage: Stage) -> None:
    """All claim the bonus to all, and few can have it."""
    if scene.offer is None:
        await everyone(scene, stage)
    assert scene.offer
    options, bonus_id = scene.options, scene.offer.bonus_id
    spread, until = options.spread / options.scale, scene.offer.ends_at + ANSWER_SECONDS
    answers: dict[str, str] = {}
    began = time.perf_counter()
    for some in await scene.crowds.ask("claim", bonus_id, spread, until):
        answers |= some
    stage.figures["all_claims_answered_after_s"] = round(time.perf_counter() - began, 1)
    await scene.crowds.ask("tell")
    stage.figures["claims_sent"] = stage.counts["claims sent"]
    stage.figures["answers"] = dict(sorted(Counter(answers.values()).items()))
    stage.wrong += await scene.truth.claims(bonus_id, options.stock, answers)
    stage.wrong += await scene.truth.presence()


async def _until_all_have_it(scene: Scene, bonus_id: str, pressed: float) -> array[float]:
    """How long each connection waited for the push of a bonus; without those that got none."""

    async def missing() -> int:
        return sum(await scene.crowds.ask("missing", bonus_id))

    async def look() -> None:
        await scene.crowds.ask("look_for", bonus_id)

    await until_none(missing, look, every=0.5 + scene.options.users / LOOKS_PER_SECOND)
    shown = await scene.crowds.ask("shown", bonus_id)
    return array("d", [one - pressed for each in shown for one in each])


async def churn(scene: Scene, stage: Stage) -> None:
    """Connections are replaced, as each is within two hours: no user goes offline by it."""
    options = scene.options
    shares, rate = scene.shares(options.churn), scene.share(options.churn_rate)
    await scene.crowds.ask_each("rotate", [[many, rate] for many in shares])
    await scene.crowds.ask("tell")
    stage.figures["replaced"] = options.churn
    stage.figures["per_second"] = options.churn_rate
    # All have 25 minutes for it: client/src/backoff.js.
    usual = options.users / 1500
    stage.figures["times_as_fast_as_usual"] = round(options.churn_rate / usual, 1)
    stage.figures["refused_and_tried_again"] = stage.counts["rotations refused"]
    stage.wrong += await scene.truth.presence()
    stage.wrong += await scene.truth.still_online()


async def node(scene: Scene, stage: Stage) -> None:
    """A node of the gateway is killed; no $disconnect tells of its connections."""
    stage.wrong += await _prepare(scene)
    excused = await scene.own_truth.late()
    await scene.crowds.ask("cut", time.time())
    scene.own.kill_node()
    await _all_come_back(scene, stage, excused)


async def storm(scene: Scene, stage: Stage) -> None:
    """The whole gateway is killed; with the quota on, all come back."""
    stage.wrong += await _prepare(scene)
    excused, quota = await scene.own_truth.late(), scene.options.connections_per_second
    stage.figures["quota_per_second"] = quota
    began = time.time()
    await scene.crowds.ask("cut", began)
    await scene.own.kill_gateway()
    await scene.own.start_gateway(quota=quota)
    stage.figures["gateway_gone_for_s"] = round(time.time() - began, 1)
    await _all_come_back(scene, stage, excused)


async def _prepare(scene: Scene) -> list[Wrong]:
    """Let the clients know what they would, and the sweep find what will be lost.

    Clients learn their window when they connect, and in truth each has within two hours, long after
    a ramp. The sweep looks up connections that are a minute old.
    """
    options, database = scene.options, scene.own.database
    is_hasty = options.scale > 1
    if not scene.is_prepared:
        if is_hasty:
            await database.execute(LONG_AGO)
        await scene.own.run_sweep()
        await scene.crowds.ask("greet", scene.share(min(options.rate, scene.reached)))
        scene.is_prepared = True
    if is_hasty:
        await scene.own.change(MATURE, YOUNG)
    else:
        await asyncio.sleep(MATURE_SECONDS)
    return await scene.own_truth.windows(options.connections_per_second)


async def _all_come_back(scene: Scene, stage: Stage, excused: set[str]) -> None:
    """Wait for all; then nothing must have been seen of it, but of users who were late before."""

    async def none_is_lost() -> int:
        return int(stage.counts["lost"] == 0)

    async def away() -> int:
        return sum(await scene.crowds.ask("away"))

    await until_none(none_is_lost)
    missing = await until_none(away)
    stage.wrong += wrong("a user whose line was cut is not back", [], missing)
    await scene.crowds.ask("tell")
    lost, back = stage.counts["lost"], stage.waits.get("back", array("d"))
    stage.figures["lost"] = lost
    stage.figures["handshakes_for_each"] = round(
        stage.counts["tries to come back"] / max(1, lost), 3
    )
    stage.figures["handshakes_in_the_busiest_second"] = _peak(scene, stage)
    stage.figures["back_after_s"] = {
        f"{share} %": round(at(back, share), 1) for share in (50, 99, 100)
    }
    await _judge_late(scene, stage, excused)
    stage.wrong += await scene.own.sweep(2)
    stage.wrong += await scene.truth.presence()
    stage.wrong += await scene.truth.still_online()


async def _judge_late(scene: Scene, stage: Stage, excused: set[str]) -> None:
    """The server may have ended their sessions: that is no fault, but it proves nothing either."""
    late, waits = await scene.own_truth.late(), await scene.own_truth.waits()
    stage.figures["the_server_waits_s"] = round(waits, 1)
    stage.figures["back_later_than_the_server_waits"] = len(late - excused)
    if note := say_late(len(late), scene.options.users):
        scene.record.notes.append(f"{stage.name.capitalize()}: {note}")


def _peak(scene: Scene, stage: Stage) -> int:
    seconds = [moment for moment in scene.record.moments if moment.at >= stage.began]
    return max((moment.counts["attempts"] for moment in seconds), default=0)


async def leave(scene: Scene, stage: Stage) -> None:
    """Everyone leaves; nothing stays of them but their history."""
    began = time.perf_counter()
    await scene.crowds.ask("leave", scene.share(scene.options.leave_rate))
    await scene.truth.all_have_left()
    seconds = time.perf_counter() - began
    stage.figures["leaves_per_second"] = round(scene.options.users / seconds, 1)
    stage.wrong += await scene.truth.presence()
    stage.wrong += await scene.truth.all_is_finalized(hasten=scene.options.scale > 1)
    found, shown = await scene.truth.watched()
    stage.wrong += found
    stage.figures["watch_time"] = shown
    stage.wrong += await scene.truth.nothing_left()


async def _press(
    scene: Scene, bonus_id: str, audience: dict[str, Any], window: float, stock: int | None = None
) -> None:
    """Offer a bonus."""
    order = {
        "bonus_id": bonus_id,
        "reward": {"text": "5 coins"},
        "audience": audience,
        "window_seconds": window,
        "stock": stock,
    }
    await scene.system.ask("POST", "/bonuses", order)


PLAYED: dict[str, Callable[[Scene, Stage], Awaitable[None]]] = {
    "ramp": ramp,
    "hold": hold,
    "reports": reports,
    "acts": acts,
    "bonus": bonus,
    "everyone": everyone,
    "rush": rush,
    "churn": churn,
    "node": node,
    "storm": storm,
    "leave": leave,
}
