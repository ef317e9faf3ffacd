"""What a backend offers, says and pays: bonuses, news, rules that award watching, grants."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request, Response  # noqa: TC002  # FastAPI reads the annotations

from handlers.adapters.cursors import Cursor
from handlers.adapters.database import Unavailable
from handlers.adapters.listing import Listing
from handlers.adapters.refusal import (
    conflict,
    database_moved,
    foreign_cursor,
    not_found,
    unavailable,
    window_over,
)
from handlers.adapters.shapes import (
    AwardRule,
    AwardRuleOrder,
    AwardRulesPage,
    Bonus,
    BonusesPage,
    BonusOrder,
    Grant,
    GrantsPage,
    Listed,
    ListedBonus,
    News,
    NewsOrder,
    Progress,
    Refusal,
    Viewers,
)
from handlers.core.operation import Query as Sql
from handlers.core.operations.broadcast import Broadcast
from handlers.services.broadcast import broadcast_here
from handlers.web_reports import ALWAYS, EPOCH, NEVER, After, Limit, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from fastapi.params import Depends
    from pydantic import BaseModel

    from handlers.adapters.shapes import Everyone, Shape
    from handlers.container import Container
    from handlers.core.operation import Row

log = logging.getLogger(__name__)

QUEUE_IS_DOWN = (BotoCoreError, ClientError)
# Listed users whom this function tells by itself, at once.
FEW = 100
LAST_ID = UUID(int=2**128 - 1)
LARGEST = 2**63 - 1
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Refusal, "description": "`not_found`"},
}


def add_routes(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    """Add the routes; `trusted` asks each caller for the service token."""
    _add_bonuses(app, container, trusted)
    _add_news(app, container, trusted)
    _add_award_rules(app, container, trusted)
    _add_grants(app, container, trusted)


def _add_bonuses(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    @app.post(
        "/bonuses",
        dependencies=trusted,
        status_code=201,
        tags=["bonuses"],
        responses=_created(Bonus),
    )
    async def create_bonus(order: BonusOrder, response: Response) -> Bonus:
        """Drop a bonus: its audience is told at once, and may claim it while its window is open.

        422 `window_over`: the window would be over already. 422 `reward_too_large`. With 503
        `unavailable` it may have been taken: send the same order with the same `bonus_id` again,
        or DELETE it, for left alone it goes out within a minute if its window is open by then.
        Without a `bonus_id` of yours it is cancelled if the queue does not answer.
        """
        bonus_id = order.bonus_id or uuid4()
        row = await container.database.fetch_one(_creation(bonus_id, order))
        _accept(row["outcome"], response)
        bonus = await read_bonus(bonus_id)
        if bonus.state not in {"upcoming", "open"}:
            return bonus
        try:
            await _tell(bonus_id, container, is_few=_is_for_few(order.audience))
        except QUEUE_IS_DOWN as error:
            if order.bonus_id:
                raise unavailable("the queue does not answer; send the order again") from error
            await container.database.fetch(_cancellation(bonus_id))
            raise unavailable("the queue does not answer; the bonus is cancelled") from error
        return bonus

    @app.get("/bonuses/{bonus_id}", dependencies=trusted, tags=["bonuses"], responses=UNKNOWN)
    async def read_bonus(bonus_id: UUID) -> Bonus:
        """A bonus, its numbers so far, and how far its audience has been told."""
        rows = await container.database.fetch(Sql("bonus", (bonus_id,)))
        if not rows:
            raise not_found("bonus")
        broadcast = await container.database.fetch(Sql("broadcast", (bonus_id,)))
        progress = _progress(broadcast[0]) if broadcast else None
        return Bonus.model_validate({**_parsed(rows[0]), "broadcast": progress})

    @app.delete("/bonuses/{bonus_id}", dependencies=trusted, tags=["bonuses"], responses=UNKNOWN)
    async def cancel_bonus(bonus_id: UUID) -> Bonus:
        """Nobody may claim it from now on; what was claimed stays. Its audience is told.

        Twice changes nothing, and neither does cancelling what is over: `state` is "expired" then.
        """
        await container.database.fetch(_cancellation(bonus_id))
        bonus = await read_bonus(bonus_id)
        await _tell_some_time(_cancel_id(bonus_id), container)
        return bonus

    listing = _newest_first("bonuses", ListedBonus, "bonus_id", container)

    @app.get("/bonuses", dependencies=trusted, tags=["bonuses"])
    async def list_bonuses(limit: Limit = 100, after: After = None) -> BonusesPage:
        """All bonuses, the newest first; what each has come to is at its own address."""
        rows, following = await listing.page(after, limit)
        return BonusesPage.model_validate({"items": _items(listing, rows), "next": following})

    @app.get("/bonuses.csv", dependencies=trusted, tags=["bonuses"])
    async def bonuses_as_csv(request: Request, after: After = None) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await listing.csv(request, after)


def _creation(bonus_id: UUID, order: BonusOrder) -> Sql:
    user_ids = order.audience.user_ids if isinstance(order.audience, Listed) else []
    return Sql(
        "create_bonus",
        (
            bonus_id,
            json.dumps(order.reward),
            *_audience(order.audience),
            user_ids,
            timedelta(seconds=order.opens_in_seconds),
            timedelta(seconds=order.window_seconds),
            order.stock,
            order.min_watched_seconds and timedelta(seconds=order.min_watched_seconds),
            None if order.opens_at is None else moment(order.opens_at),
            bool(user_ids) if order.acknowledge is None else order.acknowledge,
            _fingerprint(order, "bonus_id"),
        ),
    )


def _cancellation(bonus_id: UUID) -> Sql:
    return Sql("cancel_bonus", (bonus_id, _cancel_id(bonus_id)))


def _cancel_id(bonus_id: UUID) -> UUID:
    """Of the broadcast that says so: the same each time, so that the audience is told once."""
    return uuid5(bonus_id, "cancel")


def _add_news(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    @app.post(
        "/news", dependencies=trusted, status_code=201, tags=["news"], responses=_created(News)
    )
    async def create_news(order: NewsOrder, response: Response) -> News:
        """Tell everyone, or whoever watches a resource; bonuses go first.

        Whoever is online is told now, whoever comes before it expires then. If the queue does not
        answer, within a minute. 422 `news_too_large`.
        """
        news_id = order.news_id or uuid4()
        row = await container.database.fetch_one(
            Sql(
                "create_news",
                (
                    news_id,
                    json.dumps({"type": order.type, "body": order.body}),
                    *_audience(order.audience),
                    timedelta(seconds=order.expires_in_seconds),
                    _fingerprint(order, "news_id"),
                ),
            )
        )
        _accept(row["outcome"], response)
        await _tell_some_time(news_id, container)
        return await read_news(news_id)

    @app.get("/news/{news_id}", dependencies=trusted, tags=["news"], responses=UNKNOWN)
    async def read_news(news_id: UUID) -> News:
        """News, and how far its audience has been told. 404 from a day after its end."""
        rows = await container.database.fetch(Sql("broadcast", (news_id,)))
        if not rows or rows[0]["kind"] != "news":
            raise not_found("news")
        said = json.loads(str(rows[0]["news"]))
        whole = {**rows[0], **said, "news_id": news_id, "broadcast": _progress(rows[0])}
        return News.model_validate({name: whole[name] for name in News.model_fields})


def _add_award_rules(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    async def read(rule_id: UUID) -> AwardRule:
        rows = await container.database.fetch(Sql("award_rule", (rule_id,)))
        if not rows:
            raise not_found("award rule")
        return AwardRule.model_validate(_parsed(rows[0]))

    @app.post(
        "/award-rules",
        dependencies=trusted,
        status_code=201,
        tags=["bonuses"],
        responses=_created(AwardRule),
    )
    async def create_award_rule(order: AwardRuleOrder, response: Response) -> AwardRule:
        """From now on, reward watching: the schedule awards within a minute of its being due.

        What was watched before does not count. Its bonuses are for listed users, and want to be
        acknowledged. 422 `reward_too_large`.
        """
        rule_id = order.rule_id or uuid4()
        row = await container.database.fetch_one(
            Sql(
                "create_award_rule",
                (
                    rule_id,
                    json.dumps(order.reward),
                    timedelta(seconds=order.every_seconds),
                    timedelta(seconds=order.claim_within_seconds),
                    order.resource,
                    _fingerprint(order, "rule_id"),
                ),
            )
        )
        _accept(row["outcome"], response)
        return await read(rule_id)

    @app.delete("/award-rules/{rule_id}", dependencies=trusted, tags=["bonuses"], responses=UNKNOWN)
    async def end_award_rule(rule_id: UUID) -> AwardRule:
        """It awards nothing from now on; what it has awarded stays. Twice changes nothing."""
        await container.database.fetch(Sql("end_award_rule", (rule_id,)))
        return await read(rule_id)

    listing = _newest_first("award_rules", AwardRule, "rule_id", container)

    @app.get("/award-rules", dependencies=trusted, tags=["bonuses"])
    async def list_award_rules(limit: Limit = 100, after: After = None) -> AwardRulesPage:
        """All rules, the newest first; those that have ended, too."""
        rows, following = await listing.page(after, limit)
        return AwardRulesPage.model_validate({"items": _items(listing, rows), "next": following})

    @app.get("/award-rules.csv", dependencies=trusted, tags=["bonuses"])
    async def award_rules_as_csv(request: Request, after: After = None) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await listing.csv(request, after)


def _add_grants(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    async def fetch(position: list[object] | None, limit: int) -> list[Row]:
        log = await container.database.fetch_one(Sql("grant_log", ()))
        if log["is_moved"]:
            raise database_moved()
        begins = (0, 0) if position is None else _known(position, log)
        return await container.database.fetch(Sql("grants", (*begins, ALWAYS, NEVER, limit)))

    listing = Listing(
        Cursor("grants", (), str, int, int),
        tuple(Grant.model_fields),
        fetch,
        lambda row: (row["epoch"], row["xid"], row["grant_id"]),
    )

    @app.get("/grants", dependencies=trusted, tags=["bonuses"])
    async def list_grants(limit: Limit = 100, after: After = None) -> GrantsPage:
        """Claims that were granted, for whoever pays them: each once, none missed.

        Without `after` from the first. Keep `next` together with what you have paid, in one
        transaction, and go on from there. A page that is read again has the same grants again:
        whoever pays a `bonus_id` to a `user_id` once pays right in any case. They come in the
        order of their transactions, a moment after the user was told. 422 `foreign_cursor`: a
        backup was restored; read from the first. 503 `database_moved`: its sentence says what to
        do.
        """
        rows, following = await listing.page(after, limit)
        has_more = following is not None
        if following is None:
            following = await end(after, rows)
        return GrantsPage.model_validate(
            {"items": _items(listing, rows), "next": following, "has_more": has_more}
        )

    async def end(after: str | None, rows: Sequence[Row]) -> str:
        if rows:
            return listing.cursor.write(listing.position(rows[-1]))
        log = await container.database.fetch_one(Sql("grant_log", ()))
        return after or listing.cursor.write((log["epoch"], 0, 0))

    @app.get("/grants.csv", dependencies=trusted, tags=["bonuses"])
    async def grants_as_csv(request: Request, after: After = None) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await listing.csv(request, after)


def _known(position: list[object], log: Row) -> tuple[int, int]:
    """Of this database: one that was restored gives the same transaction ids once more."""
    epoch, *numbers = position
    xid, grant_id = (int(str(number)) for number in numbers)
    if epoch != log["epoch"] or not 0 <= xid < int(str(log["next_xid"])):
        raise foreign_cursor()
    if not 0 <= grant_id <= LARGEST:
        raise foreign_cursor()
    return xid, grant_id


def _created(model: type[Shape]) -> dict[int | str, dict[str, Any]]:
    """What is answered beside 201."""
    return {
        200: {"model": model, "description": "The same order came before: this is what it made"},
        409: {"model": Refusal, "description": "`conflict`: another order came under this id"},
    }


async def _tell(broadcast_id: UUID, container: Container, *, is_few: bool = False) -> None:
    """Queue a broadcast, unless it is there already; a few are told from here, before the answer.
    Raises QUEUE_IS_DOWN.

    Sent before it is noted: it may be queued twice, and never not at all.
    """
    for row in await container.database.fetch(Sql("broadcast", (broadcast_id,))):
        if row["is_queued"]:
            continue
        broadcast = Broadcast(str(broadcast_id), is_news=row["kind"] == "news")
        if is_few:
            await container.queue.enqueue_backup(broadcast)
        else:
            await container.queue.enqueue(broadcast)
        with suppress(Unavailable):
            await container.database.fetch(Sql("mark_broadcast_queued", (broadcast_id,)))
        if is_few:
            await broadcast_here(container.broadcast_ports(), broadcast)


def _is_for_few(audience: Everyone | Viewers | Listed) -> bool:
    return isinstance(audience, Listed) and len(audience.user_ids) <= FEW


async def _tell_some_time(broadcast_id: UUID, container: Container) -> None:
    """Now if the queue answers; else the schedule of awards does it, within a minute."""
    try:
        await _tell(broadcast_id, container)
    except QUEUE_IS_DOWN as error:
        log.warning("broadcast %s is left to the schedule: %s", broadcast_id, error)


def _audience(audience: Everyone | Viewers | Listed) -> tuple[str, str | None]:
    return audience.kind, audience.resource if isinstance(audience, Viewers) else None


def _fingerprint(order: BaseModel, own_id: str) -> str:
    """Of what an order wants, however it is written down."""
    wanted = order.model_dump(exclude={own_id}, exclude_defaults=True)
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _accept(outcome: object, response: Response) -> None:
    """201 for what is new, 200 for what was there. Raises Refused for anything else."""
    if outcome == "conflict":
        raise conflict()
    if outcome == "window_over":
        raise window_over()
    if outcome == "repeated":
        response.status_code = 200


def _newest_first(name: str, shape: type[Shape], id_: str, container: Container) -> Listing:
    async def fetch(position: list[object] | None, limit: int) -> list[Row]:
        begins = (NEVER, LAST_ID) if position is None else _created_at(position)
        return await container.database.fetch(Sql(name, (*begins, limit)))

    return Listing(
        Cursor(name, (), int, str),
        tuple(shape.model_fields),
        fetch,
        lambda row: (row["position"], str(row[id_])),
    )


def _created_at(position: list[object]) -> tuple[object, UUID]:
    microseconds, id_ = position
    try:
        return EPOCH + timedelta(microseconds=int(str(microseconds))), UUID(str(id_))
    except (OverflowError, ValueError) as error:
        raise foreign_cursor() from error


def _items(listing: Listing, rows: Sequence[Row]) -> list[Row]:
    return [_parsed({name: row[name] for name in listing.columns}) for row in rows]


def _parsed(row: Row) -> Row:
    return {**row, "reward": json.loads(str(row["reward"]))}


def _progress(row: Row) -> Row:
    return {name: row[name] for name in Progress.model_fields}
