"""The list of metrics: what each one is called and counts, who writes it, and what to do about it.

From this list come the lines of the functions (`handlers/adapters/metrics.py`), the reference page,
the dashboard and the Grafana board (`python -m infra.monitoring`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE = "Headcount"
COUNT, SECONDS, MILLISECONDS = "Count", "Seconds", "Milliseconds"
"""CloudWatch's units."""

AUTHORIZE, CONNECT, DISCONNECT = "AuthorizeFunction", "ConnectFunction", "DisconnectFunction"
MESSAGE, BROADCAST, WEB = "MessageFunction", "BroadcastFunction", "WebFunction"
SWEEP, AWARD, WEBHOOK = "SweepFunction", "AwardFunction", "WebhookFunction"
WITH_DATABASE = (CONNECT, DISCONNECT, MESSAGE, BROADCAST, WEB, SWEEP, AWARD, WEBHOOK)
ALL = (AUTHORIZE, *WITH_DATABASE)
PUSHING = (MESSAGE, BROADCAST, WEB)


class Metric(NamedTuple):
    """One metric, by FunctionName, and by FunctionName with `dimensions` if it has any."""

    name: str
    unit: str
    functions: tuple[str, ...]
    """Logical ids of the functions that write it."""
    means: str
    do: str = ""
    """What to do when it is not as it should be; empty: nothing, or its alarm says it."""
    dimensions: tuple[str, ...] = ()
    graph: str = ""
    """The graph of the dashboard that shows it; empty: none."""
    is_state: bool = False
    """How things stand: the latest value counts. Others say what was done, and add up."""
    may_wait: bool = False
    """Ordinary counts of one event may wait for some seconds, so that they share a line."""


def _pruned(log: str, means: str) -> Metric:
    return Metric(f"pruned_{log}", COUNT, (SWEEP,), f"{means} that were deleted.")


HANDSHAKES = (
    Metric(
        "handshakes_accepted",
        COUNT,
        (CONNECT,),
        "Handshakes that were accepted.",
        graph="Handshakes",
        may_wait=True,
    ),
    Metric(
        "handshakes_refused",
        COUNT,
        (AUTHORIZE, CONNECT),
        "Handshakes that a function refused. `Reason` is `bad_ticket` or `expired_ticket` (401, "
        "of the authorizer), `used_ticket` (401), `too_many` or `kept_out` (429), or "
        "`unavailable` (503).",
        "Many `expired_ticket`: clients take longer than a ticket lives, or ask for it too early."
        " Many `bad_ticket`: your backend signs with another secret, or a stranger tries.",
        ("Reason",),
        graph="Handshakes",
    ),
    Metric(
        "handshakes_unauthorized",
        COUNT,
        (AUTHORIZE,),
        "Handshakes that the authorizer refused with 401, by `Version` of the function. They are "
        "errors for Lambda, and no reason to [take a release back]"
        "(../how-to/runbooks/release-gone-back.md).",
        dimensions=("Version",),
    ),
)

MESSAGES = (
    Metric(
        "messages",
        COUNT,
        (MESSAGE,),
        "Messages that were answered. `Route` is the route's key, and `Outcome` is `done`, "
        "`refused` (by its limit, or for what it says) or `unavailable`.",
        "Many `refused`: the log has none of them, but the client's event `error` says why.",
        ("Route", "Outcome"),
        graph="Messages",
        may_wait=True,
    ),
    Metric(
        "messages_too_late",
        COUNT,
        (MESSAGE,),
        "Messages that had waited too long for their function, and were answered `unavailable`.",
        "Raise `DatabaseConnections` or the account's concurrency; see FunctionThrottles.",
        graph="Failures",
    ),
    Metric(
        "claims_granted",
        COUNT,
        (MESSAGE,),
        "Claims that granted a bonus.",
        graph="Claims",
        may_wait=True,
    ),
    Metric(
        "claims_refused",
        COUNT,
        (MESSAGE,),
        "Claims that granted nothing: too early or late, sold out, not for this user, or claimed "
        "before.",
        graph="Claims",
        may_wait=True,
    ),
    Metric(
        "pushed_after_ms",
        MILLISECONDS,
        (MESSAGE,),
        "From the moment when the gateway took a message to the end of its pushes.",
        "See `database_ms` of the same time: the rest is the gateway's, and cold starts.",
        graph="Event to push",
        may_wait=True,
    ),
)

FUNCTIONS = (
    Metric(
        "cold_starts",
        COUNT,
        ALL,
        "Execution environments that had their first event.",
        graph="Cold starts",
    ),
    Metric(
        "database_ms",
        MILLISECONDS,
        WITH_DATABASE,
        "What a statement took, with the wait for its turn and for a connection.",
        "When it grows, look at the database's processor and its locks.",
        graph="Database",
        may_wait=True,
    ),
    Metric(
        "database_unavailable",
        COUNT,
        WITH_DATABASE,
        "Statements without an answer: the database could not be reached, refused, or took too "
        "long; and those that were not tried because of that ([When a neighbour "
        "hangs](../explanation/security.md#when-a-neighbour-hangs)). Each copy prints one line a "
        "second.",
        graph="Failures",
    ),
    Metric(
        "requests_failed",
        COUNT,
        (WEB,),
        "Requests of the HTTP API that were answered 500, for an error in the code, by `Version` "
        "of the function. A release that has any is taken back.",
        "The log has the `stackTrace`, with the same `request_id`.",
        dimensions=("Version",),
        graph="Failures",
    ),
    Metric(
        "queue_unavailable",
        COUNT,
        (BROADCAST, WEB, AWARD, MESSAGE),
        "Wake-up messages that the queue did not take.",
        "The schedule of awards queues the broadcast within a minute. If it goes on, look at the "
        "function's permissions and its way to SQS.",
        graph="Failures",
    ),
)

PUSHES = (
    Metric("pages", COUNT, (BROADCAST, WEB), "Pages that were pushed."),
    Metric(
        "pushes_sent",
        COUNT,
        PUSHING,
        "Pushes that the gateway took.",
        graph="Pushes",
        may_wait=True,
    ),
    Metric(
        "pushes_gone",
        COUNT,
        PUSHING,
        "Pushes whose connections were gone.",
        graph="Pushes",
        may_wait=True,
    ),
    Metric(
        "pushes_undelivered",
        COUNT,
        PUSHING,
        "Pushes that failed for want of an answer in time or were refused: those of a broadcast "
        "in all three tries of their page.",
        "The client asks for what it missed. Many of them mean a throttled or unreachable gateway.",
        graph="Pushes",
    ),
    Metric(
        "pushes_dropped",
        COUNT,
        (BROADCAST, WEB),
        "Pushes that were not tried, because the window was over or the bonus was cancelled.",
        graph="Pushes",
    ),
    Metric(
        "delivered_after_ms",
        MILLISECONDS,
        (BROADCAST, WEB),
        "The longest time from the making of a broadcast to the end of one of its pages, in the "
        "first round.",
        "Raise `PushesPerSecond` and `PushConcurrency` when it comes near to your windows.",
        graph="Event to push",
    ),
)

SWEEPS = (
    Metric(
        "restores_noticed",
        COUNT,
        (SWEEP,),
        "1 when the database turned out to be another one than a minute ago: it was restored or "
        "copied, or a standby of yours has taken over. Clients and readers begin again "
        "([Restore a backup](../how-to/restore-a-backup.md)). Else 0.",
    ),
    Metric(
        "connections",
        COUNT,
        (SWEEP,),
        "Connections that sessions hold, and one for each session within its grace.",
        graph="Online",
        is_state=True,
    ),
    Metric(
        "reconnect_within_ms",
        MILLISECONDS,
        (SWEEP,),
        "Within which time clients are told to come back, if their line is lost now.",
        graph="Online",
        is_state=True,
    ),
    Metric(
        "presence_events_recorded",
        COUNT,
        (SWEEP,),
        "`online` and `offline` events that were recorded.",
        graph="Sweep",
    ),
    _pruned("tickets", "Used tickets"),
    _pruned("events", "Events of streams (`KeepEventDays`)"),
    _pruned("acks", "Acknowledgements (`KeepEventDays`)"),
    _pruned("offers", "Offers of bonuses that are over (`KeepEventDays`)"),
    _pruned("broadcasts", "Broadcasts that are over (`KeepEventDays`)"),
    _pruned("presence_events", "Presence events (`KeepPresenceEventDays`)"),
    _pruned("grants", "Grants (`KeepGrantDays`)"),
    _pruned("bonuses", "Bonuses of which nothing else is left"),
    _pruned("awards", "Rows of progress in campaigns that were over for a month"),
    _pruned("candidates", "Candidates of draws whose bonus is over"),
    _pruned("answers", "Answers to questions that are over (`KeepGrantDays`)"),
    _pruned("limits", "Limits of users who sent nothing lately"),
    _pruned("webhook_events", "Events of webhooks, after seven days"),
    _pruned("streams", "Streams without an event for a long time (`KeepStreamMonths`)"),
    Metric(
        "erasures_under_way",
        COUNT,
        (SWEEP,),
        "Erasures that their request did not finish, and the sweep went on with. Of most runs 0.",
        "One that stays above it means that an erasure fails: the log says why.",
        is_state=True,
    ),
    Metric("months_made", COUNT, (SWEEP,), "Partitions of past sessions that were made."),
    Metric(
        "months_dropped",
        COUNT,
        (SWEEP,),
        "Partitions of past sessions that were dropped (`KeepSessionMonths`).",
    ),
    Metric("days_made", COUNT, (SWEEP,), "Partitions of the ledger that were made."),
    Metric(
        "days_dropped",
        COUNT,
        (SWEEP,),
        "Partitions of the ledger that were dropped (`KeepLedgerDays`).",
    ),
    Metric(
        "quarters_rolled_up",
        COUNT,
        (SWEEP,),
        "Quarter hours that were summed up for reports over weeks ([rollups](schema.md#rollups)).",
    ),
    Metric(
        "rollups_behind_seconds",
        SECONDS,
        (SWEEP,),
        "How long ago the last of them ended. Normal are two and a half to three hours, and the "
        "length of the sweep's cycle. It grows while no cycle of the sweep ends; reports then "
        "read more from sessions, and are slower, but as exact.",
        graph="Behind",
        is_state=True,
    ),
    Metric(
        "prune_behind_seconds",
        SECONDS,
        (SWEEP,),
        "For how long the oldest row of a log has been due to be removed. About 0, unless pruning"
        " cannot keep up or waits: grants wait for a long window before them, for up to a day.",
        "Above two days: look for `nothing is removed` in the log.",
        graph="Behind",
        is_state=True,
    ),
    Metric("asked", COUNT, (SWEEP,), "Connections for which API Gateway was asked.", graph="Sweep"),
    Metric(
        "unanswered",
        COUNT,
        (SWEEP,),
        "Asked, without a clear answer. A few are normal.",
        "Many mean throttling or a node in trouble: the sweep logs the last error.",
        graph="Sweep",
    ),
    Metric(
        "expired", COUNT, (SWEEP,), "Connections that were older than two hours.", graph="Sweep"
    ),
    Metric("gone", COUNT, (SWEEP,), "Connections that API Gateway no longer knew.", graph="Sweep"),
    Metric(
        "node_evicted", COUNT, (SWEEP,), "Connections that ended with their node.", graph="Sweep"
    ),
    Metric("closed", COUNT, (SWEEP,), "Sessions that were closed.", graph="Sweep"),
    Metric(
        "unreachable_nodes",
        COUNT,
        (SWEEP,),
        "Nodes that did not answer at all.",
        graph="Failures",
        is_state=True,
    ),
    Metric(
        "cycle_age_seconds",
        SECONDS,
        (SWEEP,),
        "How long ago the current cycle began: the time until a lost connection is found.",
        graph="Behind",
        is_state=True,
    ),
)

ACCESS_LOG = (
    Metric(
        "clients_throttled",
        COUNT,
        (),
        "Handshakes, messages and requests that API Gateway refused with 429 before a function "
        "was asked, pings left out. A metric filter counts them in the access log (`AccessLogs`),"
        " by `ApiId`.",
        dimensions=("ApiId",),
        graph="Failures",
    ),
)

AWARDS = (
    Metric(
        "bonuses_awarded", COUNT, (AWARD,), "Bonuses that users earned by watching.", graph="Claims"
    ),
    Metric("bonuses_closed", COUNT, (AWARD,), "Bonuses whose end was recorded."),
    Metric(
        "broadcasts_queued_again",
        COUNT,
        (AWARD,),
        "Broadcasts that were not in the queue, and were queued by the schedule.",
        "Many mean that the queue refuses messages: see `queue_unavailable`.",
    ),
    Metric(
        "duration_ms",
        MILLISECONDS,
        (SWEEP, AWARD, BROADCAST, WEB, WEBHOOK),
        "How long the run took, or one worker's part in a broadcast.",
        graph="Runs",
    ),
)

WEBHOOKS = (
    Metric(
        "webhook_events_recorded",
        COUNT,
        (WEBHOOK,),
        "Events that were recorded because a webhook wants them.",
    ),
    Metric(
        "webhook_events_delivered",
        COUNT,
        (WEBHOOK,),
        "Events that a receiver took.",
        graph="Webhooks",
    ),
    Metric(
        "webhook_attempts_failed",
        COUNT,
        (WEBHOOK,),
        "Attempts that a receiver did not take.",
        "`GET /webhooks/{webhook_id}/deliveries` says why.",
        graph="Webhooks",
    ),
    Metric(
        "webhook_events_given_up",
        COUNT,
        (WEBHOOK,),
        "Events that were not taken for three days.",
        "They are `dead` among the deliveries; a replay sends them again.",
        graph="Webhooks",
    ),
    Metric(
        "webhooks_behind_seconds",
        SECONDS,
        (WEBHOOK,),
        "How long ago the oldest event was recorded that a webhook has not had.",
        graph="Behind",
        is_state=True,
    ),
)

SECTIONS = {
    "Of handshakes": HANDSHAKES,
    "Of messages": MESSAGES,
    "Of every function": FUNCTIONS,
    "Of pushes and broadcasts": PUSHES,
    "Of the sweep": SWEEPS,
    "Of the awards": AWARDS,
    "Of webhooks": WEBHOOKS,
    "Of the access log": ACCESS_LOG,
}
"""By their headings in the reference page."""

METRICS = tuple(metric for metrics in SECTIONS.values() for metric in metrics)
UNITS = {metric.name: metric.unit for metric in METRICS}
MAY_WAIT = frozenset(metric.name for metric in METRICS if metric.may_wait)


def total(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What the runs of several apps come to: counts add up, and of times the longest counts."""
    found: dict[str, float] = {}
    for numbers in runs:
        for name, number in numbers.items():
            before = found.get(name, 0)
            is_count = UNITS.get(name, COUNT) == COUNT
            found[name] = before + number if is_count else max(before, number)
    return found


def counts_of(function: str) -> list[str]:
    """The names of a function's counts that belong to it alone, in the order of the list."""
    return [one.name for one in METRICS if one.functions == (function,) and one.unit == COUNT]
