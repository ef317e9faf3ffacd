"""Who is online, their connections and sessions, and presence events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from handlers.web.schemas.fields import HasMore, Millis, NextPage, NextPoll, Schema, ServerNow

EndedBy = Literal[
    "client", "lost", "idle", "expired", "swept", "node_evicted", "kicked", "moved", "divided"
]


class Online(Schema):
    """One user on one resource."""

    user_id: str
    resource: str
    joined_at: Millis
    connections: int = Field(description="open connections of this user to this resource")


class OnlinePage(Schema):
    users: int | None = Field(description="users in total; null after the first page")
    connections: int | None = Field(description="connections in total; null after the first page")
    items: list[Online]
    next: NextPage
    server_now: ServerNow


class ResourceCount(Schema):
    resource: str
    users: int
    connections: int


class NodeCount(Schema):
    node: str = Field(description="a gateway endpoint")
    connections: int


class OnlineCounts(Schema):
    users: int
    connections: int
    resources: list[ResourceCount] = Field(
        description="the 1,000 resources with the most connections"
    )
    nodes: list[NodeCount] = Field(description="the 1,000 nodes with the most connections")
    counted_at: int = Field(
        description="when it was counted, at most 5 seconds ago; milliseconds since the epoch"
    )
    pushes_per_second: int = Field(
        description="how many connections a broadcast tells a second: `PushesPerSecond`"
    )


class FoundUser(Schema):
    user_id: str
    is_online: bool


class UsersPage(Schema):
    items: list[FoundUser]
    next: NextPage


class Connection(Schema):
    """One open WebSocket connection."""

    connection_id: str
    node: str = Field(description="the gateway endpoint that holds the connection")
    device: str | None = Field(description="the label from the connection's ticket")
    session_id: int
    resource: str
    opened_at: Millis
    age_ms: int = Field(description="how long the connection has been open, in milliseconds")


class Connections(Schema):
    user_id: str
    items: list[Connection]


class Session(Schema):
    """A stay of one user on one resource, over all their connections to it, or a part of one."""

    session_id: int
    user_id: str
    resource: str
    joined_at: Millis
    ended_at: int | None = Field(
        description="milliseconds since the epoch; null while the session is open"
    )
    ended_by: str | None = Field(
        description="how the session ended: `client` closed it, its line was `lost`, `idle` and "
        "`expired` are the gateway's time limits, `swept` and `node_evicted` were found dead, "
        "`kicked` was closed by the API, `moved` went to another resource; `divided` is no end: "
        "the session goes on in its next part. Null while the session is open"
    )
    ended_within_ms: int | None = Field(
        description="how exact `ended_at` is: the true end is at most this much later"
    )
    away_since: int | None = Field(
        description="when the part before this one ended: an outage that was longer than the grace "
        "divides a session into items with the same `session_id`, and so does a client that is "
        "hidden and shown often (`ended_by` is `divided`, and no time is between). Milliseconds "
        "since the epoch; null for its first part"
    )
    revision: int = Field(
        description="which correction of the session made this item: 1 for the first; 0: as it was "
        "recorded"
    )
    replaced_by: int | None = Field(
        description="the revision that replaced this item, with `corrections=ignored`; null: it is "
        "in force"
    )
    watched_ms: int = Field(
        description="watch time of the session within the requested interval, in milliseconds"
    )


class SessionsPage(Schema):
    user_id: str | None = Field(description="the requested user; null for all users")
    online: bool | None = Field(description="whether this user is online; null for all users")
    watched_ms: int | None = Field(
        description="for how long this user has watched anything up to now, in milliseconds: a "
        "moment on several resources counts once; null for all users"
    )
    items: list[Session]
    next: NextPage
    server_now: ServerNow


class PresenceEvent(Schema):
    """A user came online on a resource, or went offline there."""

    seq: int = Field(description="the position in the log, without gaps")
    type: Literal["online", "offline"]
    session_id: int
    user_id: str
    resource: str
    at: Millis


class PresenceEventsPage(Schema):
    items: list[PresenceEvent]
    next: NextPoll
    has_more: HasMore
