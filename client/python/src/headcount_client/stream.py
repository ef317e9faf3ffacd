"""How far this client has followed its user's stream, and the user's state there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Event = dict[str, Any]

# The client asks again for events that do not fit.
MAX_WAITING = 200


@dataclass(frozen=True)
class Stream:
    """`seq` is that of the last event reported, and `state` is as of it."""

    epoch: str | None = None
    seq: int = 0
    state: Any = None
    # Events that arrived before one they follow: (epoch, event), by seq.
    waiting: tuple[tuple[str, Event], ...] = ()


@dataclass(frozen=True)
class Step:
    """What to report, in order. `is_behind`: something is missing, so say hello again."""

    stream: Stream
    snapshot: list[Event] | None = None
    events: tuple[Event, ...] = ()
    is_behind: bool = False


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396). Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    members = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            members.pop(name, None)
        else:
            members[name] = merge(members.get(name), value)
    return members


def arrived(stream: Stream, epoch: str, event: Event) -> Step:
    """Take one event. Report it if it is the next one, drop it if it is known, else let it wait."""
    return _catch_up(stream, [(epoch, event)])


def welcomed(stream: Stream, welcome: dict[str, Any]) -> Step:
    """Take the missed events, or a snapshot that replaces everything.

    Events pushed while the answer was on its way may be newer than it; they waited, and follow now.
    """
    epoch, seq, state = welcome["epoch"], welcome["seq"], welcome["state"]
    waiting = [one for one in stream.waiting if one[0] == epoch]
    is_same = epoch == stream.epoch
    if welcome["recovered"] and is_same:
        missed = _catch_up(replace(stream, waiting=()), [(epoch, one) for one in welcome["events"]])
        # If pushes overtook the welcome, its state is older than ours.
        is_now = missed.stream.seq == seq
        reached = replace(missed.stream, state=state) if is_now else missed.stream
        step = _catch_up(reached, waiting)
        return replace(step, events=missed.events + step.events)
    step = _catch_up(Stream(epoch, seq, state), waiting)
    # Either pushes overtook this snapshot, or the server lost events: the next welcome tells which.
    is_back = is_same and step.stream.seq < stream.seq
    return replace(step, snapshot=welcome["events"], is_behind=step.is_behind or is_back)


def _catch_up(stream: Stream, arrivals: list[tuple[str, Event]]) -> Step:
    seq, state = stream.seq, stream.state
    waiting: list[tuple[str, Event]] = []
    events: list[Event] = []
    for epoch, event in sorted([*stream.waiting, *arrivals], key=lambda one: int(one[1]["seq"])):
        if epoch == stream.epoch and event["seq"] <= seq:
            continue
        if epoch == stream.epoch and event["seq"] == seq + 1:
            seq += 1
            state = merge(state, event["patch"]) if event.get("patch") else state
            events.append(event)
        else:
            waiting.append((epoch, event))
    after = replace(stream, seq=seq, state=state, waiting=tuple(waiting[:MAX_WAITING]))
    return Step(after, events=tuple(events), is_behind=bool(waiting))
