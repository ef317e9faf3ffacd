"""What a service key may do: each operation of the API has one scope, or is the service token's.

An operation that is missing here is open to the service token alone.
"""

from __future__ import annotations

from typing import Literal, get_args

Scope = Literal["tickets", "read", "order", "kick", "pay", "records", "webhooks"]

OPERATIONS: dict[Scope, tuple[str, ...]] = {
    "tickets": ("mint_ticket",),
    "read": (
        *("list_online", "export_online", "count_online", "list_connections"),
        *("list_sessions", "export_sessions", "list_presence_events"),
        *("list_watch_time", "export_watch_time", "count_concurrency", "export_concurrency"),
        *("read_audience", "export_audience", "read_correction", "list_corrections"),
        *("read_bonus", "list_bonuses", "export_bonuses", "read_news", "list_news"),
        *("read_campaign", "list_campaigns", "read_campaign_progress", "list_audit"),
        *("read_draw", "list_candidates", "export_candidates"),
        *("list_claims", "export_claims", "list_users", "read_own_key", "read_work"),
        *("list_ledger", "list_user_events", "count_claims"),
        *("read_question", "list_questions", "read_reveal", "list_reveals"),
    ),
    "order": (
        *("create_bonus", "cancel_bonus", "create_news", "create_campaign", "edit_campaign"),
        *("pause_campaign", "resume_campaign", "end_campaign", "create_draw", "cancel_news"),
        *("create_question", "cancel_question", "create_reveal", "cancel_reveal"),
    ),
    "kick": ("kick_user", "end_session", "close_connection"),
    "pay": ("list_grants", "export_grants", "record_payouts"),
    "records": (*("create_correction", "export_user_data", "erase_user_data", "list_erasures"),),
    "webhooks": (
        *("create_webhook", "read_webhook", "list_webhooks", "change_webhook", "delete_webhook"),
        *("rotate_webhook_secret", "test_webhook", "replay_webhook", "list_webhook_deliveries"),
    ),
}
ALSO_OPENED_BY: dict[str, Scope] = {
    "list_webhooks": "read",
    "read_webhook": "read",
    "list_webhook_deliveries": "read",
}
"""What a second scope opens, too: to see how webhooks do is not to change them."""
SERVICE_TOKEN_ONLY = ("create_key", "list_keys", "rotate_key", "delete_key")
SCOPES: tuple[Scope, ...] = get_args(Scope)
SCOPE_OF: dict[str, Scope] = {
    operation: scope for scope, operations in OPERATIONS.items() for operation in operations
}


def scopes_of(operation: str) -> tuple[Scope, ...]:
    """The scopes that open an operation, each by itself; none: it is the service token's."""
    found = (SCOPE_OF.get(operation), ALSO_OPENED_BY.get(operation))
    return tuple(scope for scope in found if scope)
