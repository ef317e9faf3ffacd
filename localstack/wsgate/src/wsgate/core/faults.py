"""Faults that occur on AWS, injected on purpose. Pure: randomness comes from a seed.

Everything is off until somebody sets it. Each fault draws from a sequence of its own, so a run with
the same seed and the same faults repeats itself, and a further fault does not change the others.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wsgate.model.ids import Millis

_MINUTE: Final = 60_000


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong, as a person turns it on."""

    name: str
    unit: str
    """`rate` (0 never, 1 always), `seconds`, `per minute` (a rate) or `action` (1 does it once)."""
    description: str
    most: float = 1.0
    least: float = 0.0
    default: float = 0.0


_RATE, _SECONDS, _PER_MINUTE, _ACTION = "rate", "seconds", "per minute", "action"
_LONGEST: Final = 900.0  # as long as a function may run

# All of it happens on AWS, if seldom: $disconnect is best effort (docs/aws-behaviour.md §10.1,
# §10.4), messages overtake each other and $disconnect overtakes them (§8.3, §8.5), @connections has
# a rate and 410 is how an id ends (§11.5), connections are closed at any time (§9.11). Queues
# deliver at least once:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
# (2026-11-26).
FAULTS: Final = (
    Fault("disconnect_lost", _RATE, "The $disconnect event never comes."),
    Fault("disconnect_late", _SECONDS, "The $disconnect event comes this much later.", _LONGEST),
    Fault("disconnect_twice", _RATE, "The $disconnect event comes a second time."),
    Fault("message_late", _RATE, "A message's event is held back; later ones overtake it."),
    Fault("message_late_seconds", _SECONDS, "How long `message_late` holds one.", _LONGEST, 0, 1.0),
    Fault("connect_lost", _RATE, "$connect said yes, and the client is lost before its 101."),
    Fault("management_gone", _RATE, "@connections answers 410 for a connection that lives."),
    Fault("management_throttled", _RATE, "@connections answers 429."),
    Fault("management_failed", _RATE, "@connections answers 500."),
    Fault("management_latency", _SECONDS, "@connections answers this much later.", 60.0),
    Fault("management_jitter", _SECONDS, "And later by up to this much, evenly.", 60.0),
    Fault("integration_latency", _SECONDS, "A function is reached this much later.", 60.0),
    Fault("integration_jitter", _SECONDS, "And later by up to this much, evenly.", 60.0),
    Fault("function_slow", _RATE, "A function answers late, in its environment."),
    Fault("function_slow_seconds", _SECONDS, "How late `function_slow` is.", _LONGEST, 0, 1.0),
    Fault("function_crash", _RATE, "A function's environment is killed during the event."),
    Fault(
        "function_crash_seconds",
        _SECONDS,
        "How long after the event's start `function_crash` comes, or at its answer if sooner.",
        _LONGEST,
    ),
    Fault("function_missing", _RATE, "Lambda answers 404: there is no such function."),
    Fault("function_throttled", _RATE, "Lambda answers 429: no concurrency is left."),
    Fault("queue_stuck", _RATE, "A batch of a queue is held back, and once more after a while."),
    Fault("queue_twice", _RATE, "A batch of a queue comes to its function twice, at once."),
    Fault("connection_lost", _PER_MINUTE, "An open connection breaks off without a word: 1006."),
    Fault("connection_sent_away", _PER_MINUTE, "AWS closes an open connection: 1001."),
    Fault("node_kill", _ACTION, "A node dies: its connections go, and no $disconnect tells."),
)
_BY_NAME: Final = {fault.name: fault for fault in FAULTS}
_ACTIONS: Final = tuple(fault.name for fault in FAULTS if fault.unit == _ACTION)


class Failure(enum.Enum):
    """How @connections fails."""

    GONE = "management_gone"
    THROTTLED = "management_throttled"
    FAILED = "management_failed"


@dataclass(frozen=True, slots=True)
class FunctionFault:
    """What happens to one run of a function; the value is in seconds, None is not at all."""

    slow: float | None = None
    crash: float | None = None


class Departure(enum.Enum):
    """How a fault ends an open connection."""

    LOST = "connection_lost"
    SENT_AWAY = "connection_sent_away"


class Faults:
    """The faults as they are set now, and what they decide."""

    def __init__(self, seed: int, values: Mapping[str, float] | None = None, node: int = 0) -> None:
        """Nodes of one seed have each a sequence of their own.

        Raises ValueError, with a sentence, for an unknown name or a value out of range.
        """
        self.seed, self._node = seed, node
        self.spread: Callable[[str, float], None] | None = None
        """Told of each change that was made here, where other processes have to hear of it."""
        self.is_on = False
        """The one thing that is looked at while nothing is set."""
        self._values = {fault.name: fault.default for fault in FAULTS}
        self._sequences: dict[str, Random] = {}
        for name, value in (values or {}).items():
            self.set(name, value)

    def for_node(self, node: int) -> Faults:
        """The same for a node in a process of its own. An action is not every node's."""
        return Faults(self.seed, self.changed() | dict.fromkeys(_ACTIONS, 0), node)

    def set(self, name: str, value: object) -> None:
        """Turn a fault on, off, or to another value; in every process, if there are several.

        Raises ValueError, with a sentence, for an unknown name or a value out of range.
        """
        number = parse(name, value)
        if self.spread is not None:
            self.spread(name, number)
        if self.spread is None or name not in _ACTIONS:  # an action runs where it is heard
            self.hear(name, number)

    def hear(self, name: str, number: float) -> None:
        """Take over a change that was made in another process."""
        self._values[name] = number
        self.is_on = any(self._values[fault.name] != fault.default for fault in FAULTS)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Each fault by its name: value, default, least, most, unit and description."""
        described = {}
        for fault in FAULTS:
            fields = asdict(fault)
            del fields["name"]
            described[fault.name] = {"value": self._values[fault.name], **fields}
        return described

    def changed(self) -> dict[str, float]:
        """What is not as it is by default, in the order of the list."""
        return {
            fault.name: self._values[fault.name]
            for fault in FAULTS
            if self._values[fault.name] != fault.default
        }

    # Events.

    def disconnects(self) -> list[float]:
        """After how many seconds a $disconnect comes; none if it is lost, two if it repeats."""
        if self._happens("disconnect_lost"):
            return []
        copies = 2 if self._happens("disconnect_twice") else 1
        return [self._values["disconnect_late"]] * copies

    def message_delay(self) -> float:
        """How many seconds a message's event is held back."""
        return self._values["message_late_seconds"] if self._happens("message_late") else 0.0

    def loses_client(self) -> bool:
        """Return whether a client that $connect accepted is lost before it learns so."""
        return self._happens("connect_lost")

    def holds_batch(self) -> bool:
        """Whether a batch of a queue is held back; ask again in a while."""
        return self._happens("queue_stuck")

    def repeats_batch(self) -> bool:
        """Whether a batch of a queue is delivered a second time."""
        return self._happens("queue_twice")

    # @connections and integrations.

    def management_failure(self, *, lives: bool) -> Failure | None:
        """How a call to @connections fails; a connection that is gone needs no fault for it."""
        if self._happens(Failure.THROTTLED.value):
            return Failure.THROTTLED
        if self._happens(Failure.FAILED.value):
            return Failure.FAILED
        return Failure.GONE if lives and self._happens(Failure.GONE.value) else None

    def management_delay(self) -> float:
        return self._latency("management_latency", "management_jitter")

    def integration_delay(self) -> float:
        return self._latency("integration_latency", "integration_jitter")

    # Functions.

    def invoke_failure(self) -> str | None:
        """How Lambda refuses to run a function: the name of the fault."""
        for name in ("function_missing", "function_throttled"):
            if self._happens(name):
                return name
        return None

    def function_fault(self) -> FunctionFault | None:
        """What happens to a function that is about to run."""
        is_slow, is_crash = self._happens("function_slow"), self._happens("function_crash")
        if not (is_slow or is_crash):
            return None
        return FunctionFault(
            self._values["function_slow_seconds"] if is_slow else None,
            self._values["function_crash_seconds"] if is_crash else None,
        )

    # Connections and the node.

    def departures(
        self, connections: Iterable[str], elapsed: Millis
    ) -> list[tuple[str, Departure]]:
        """Which connections end now, when this was last asked `elapsed` ago."""
        chances = [(how, self._chance(how, elapsed)) for how in Departure]
        if not any(chance for _, chance in chances):
            return []
        found = ((each, self._departure(chances)) for each in connections)
        return [(each, how) for each, how in found if how is not None]

    def takes_node_kill(self) -> bool:
        """Return whether the node is to be killed now, and reset that."""
        if not self._values["node_kill"]:
            return False
        self.hear("node_kill", 0)
        return True

    def _departure(self, chances: list[tuple[Departure, float]]) -> Departure | None:
        for how, chance in chances:
            if chance and self._sequence(how.value).random() < chance:
                return how
        return None

    def _chance(self, how: Departure, elapsed: Millis) -> float:
        """A rate per minute, for a part of one or for several."""
        stays: float = (1.0 - self._values[how.value]) ** (max(0, elapsed) / _MINUTE)
        return 1.0 - stays

    def _latency(self, fixed: str, jitter: str) -> float:
        spread = self._values[jitter]
        return self._values[fixed] + (spread * self._sequence(jitter).random() if spread else 0.0)

    def _happens(self, name: str) -> bool:
        rate = self._values[name]
        return rate > 0 and self._sequence(name).random() < rate

    def _sequence(self, name: str) -> Random:
        if name not in self._sequences:
            seed = f"{self.seed} {self._node} {name}"
            self._sequences[name] = Random(seed)  # noqa: S311 not a secret
        return self._sequences[name]


def parse(name: str, value: object) -> float:
    """A value of a fault, from JSON or a command line. Raises ValueError, with a sentence."""
    fault = _BY_NAME.get(name)
    if fault is None:
        raise ValueError(f"{name[:64]!r} is not the name of a fault")
    words = f"{name} is {str(value)[:64]!r}, and must be from {fault.least:g} to {fault.most:g}"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(words)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(words) from None
    if not fault.least <= number <= fault.most or (fault.unit == _ACTION and number not in (0, 1)):
        raise ValueError(words)
    return number


def listing() -> str:
    """Every fault, its unit and what it does, a line each."""
    lines = [
        f"  {fault.name:<24}{f'{fault.unit}, up to {fault.most:g}':<22}{fault.description}"
        for fault in FAULTS
    ]
    return "\n".join((*lines, f"  {'seed':<24}{'a whole number':<22}Repeats a run."))
