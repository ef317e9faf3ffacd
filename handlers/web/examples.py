"""What to send to each operation, as /docs shows it. A test sends them all."""

from __future__ import annotations

from typing import Any

COINS = {"text": "5 coins"}
CAMPAIGN: dict[str, Any] = {
    "resources": ["final"],
    "milestones": [
        {"watched_seconds": 900, "reward": COINS, "claim_within_seconds": 60},
        {"watched_seconds": 3600, "reward": {"text": "a badge"}, "claim_within_seconds": 3600},
    ],
}
BODIES: dict[str, dict[str, Any]] = {
    "mint_ticket": {"user_id": "ann", "resource": "final", "device": "phone"},
    "create_bonus": {
        "reward": COINS,
        "audience": {"kind": "everyone"},
        "window_seconds": 10,
        "stock": 100,
    },
    "create_draw": {
        "reward": {"text": "a signed shirt"},
        "among": {"kind": "present"},
        "winners": 3,
        "claim_within_seconds": 600,
    },
    "create_campaign": CAMPAIGN,
    "edit_campaign": CAMPAIGN,
    "create_news": {
        "type": "goal",
        "body": {"text": "1:0"},
        "audience": {"kind": "resource", "resource": "final"},
        "expires_in_seconds": 60,
    },
    "create_question": {
        "text": "Who scores next?",
        "options": ["Ann", "Bob", "Cat"],
        "audience": {"kind": "everyone"},
        "window_seconds": 20,
    },
    "create_reveal": {
        "content": {"winner": "Ann"},
        "audience": {"kind": "everyone"},
        "reveals_in_seconds": 60,
    },
    "record_payouts": {
        "items": [
            {
                "bonus_id": "6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11",
                "user_id": "ann",
                "payout_id": "transfer-7",
                "state": "fulfilled",
            }
        ]
    },
    "kick_user": {"user_id": "ann", "reason": "Please be kind in the chat."},
    "end_session": {"user_id": "ann"},
    "close_connection": {"user_id": "ann", "connection_id": "L0SM9cOFvHcCIhw="},
    "create_correction": {
        "user_id": "ann",
        "session_id": 7,
        "times": [],
        "reason": "the camera was off",
        "author": "support",
    },
    "erase_user_data": {"user_id": "ann", "author": "support"},
    "create_key": {"name": "payouts", "scopes": ["pay"]},
    "rotate_key": {"old_valid_seconds": 3600},
    "create_webhook": {"url": "https://example.com/headcount", "types": ["bonus.granted"]},
    "change_webhook": {
        "url": "https://example.com/headcount",
        "types": ["bonus.granted"],
        "is_on": True,
    },
    "rotate_webhook_secret": {"secret": None},
    "replay_webhook": {"begins_at": "2026-03-01T18:00:00Z"},
}
"""Of each operation that takes a body: one that is accepted."""
PARAMETERS: dict[str, Any] = {
    "user_id": "ann",
    "prefix": "an",
    "from": "2026-03-01T18:00:00Z",
    "to": "2026-03-01T21:00:00Z",
    "by": "day",
    "session_id": 7,
}
"""Of each parameter that is required, but the ids of what an order made."""
NEEDED = {"list_sessions": "user_id", "export_sessions": "user_id"}
"""The parameter that does, where one of several is required."""
