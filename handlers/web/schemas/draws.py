"""Draws."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from handlers.web.schemas.fields import Duration, Id, Millis, Name, NextPage, OwnId, Reward, Schema


class Present(Schema):
    """The users who are online at this moment, or watch this resource."""

    kind: Literal["present"]
    resource: Annotated[
        Name | None, Field(description="only those who watch it; null: all who are online")
    ] = None


class Claims(Schema):
    """The users who have claimed this bonus."""

    kind: Literal["claims"]
    bonus_id: Id
    within_seconds: Annotated[
        Duration | None,
        Field(description="only those who claimed so soon after it opened; null: all of them"),
    ] = None


class DrawOrder(Schema):
    """A draw: some of the candidates win a bonus, by chance alone."""

    bonus_id: OwnId = None
    reward: Reward
    among: Annotated[
        Present | Claims, Field(discriminator="kind", description="who the candidates are")
    ]
    winners: int = Field(
        ge=1, le=10_000, description="how many win; if there are fewer candidates, all of them win"
    )
    claim_within_seconds: Duration = Field(description="how long the winners can claim the bonus")


class Draw(Schema):
    bonus_id: UUID = Field(description="of the bonus that the winners are offered, and of the draw")
    among: Literal["present", "claims"]
    resource: str | None
    among_bonus_id: UUID | None = Field(description="the bonus whose claims were drawn from")
    within_ms: int | None
    winners: int = Field(description="how many were to win")
    candidates: int
    seed: str = Field(
        description="32 random bytes in hexadecimal digits. A candidate's rank is the SHA-256 of "
        "the seed and the user's id in UTF-8; the lowest ranks win"
    )
    digest: str = Field(
        description="the SHA-256 of the ranks of all candidates in ascending order, in hexadecimal "
        "digits: publish it with the seed, and who has the list of candidates can check the draw"
    )
    drawn_at: Millis


class Candidate(Schema):
    user_id: str
    rank: str = Field(description="in hexadecimal digits")
    has_won: bool


class CandidatesPage(Schema):
    items: list[Candidate]
    next: NextPage
