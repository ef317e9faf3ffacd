"""Addresses of databases that no command can use, and a part of what each should say."""

from __future__ import annotations

PASSWORD = "not-to-be-shown"  # noqa: S105 - of no real account
ROLE = f"postgresql://ann:{PASSWORD}"
NO_ADDRESS = "DATABASE_URL is not of the form postgresql://user:password@host:port/name."

WRONG_ADDRESSES = [
    (f"{ROLE}@127.0.0.1:1/x", "nothing answers"),
    (f"{ROLE}@no-such-host.invalid/x", "cannot be reached"),
    (f"{ROLE}/@127.0.0.1/x", NO_ADDRESS),
    (f"{ROLE}@127.0.0.1:{PASSWORD}/x", NO_ADDRESS),
    (f"mysql://ann:{PASSWORD}@127.0.0.1/x", NO_ADDRESS),
    (PASSWORD, NO_ADDRESS),
    (f"{ROLE}@127.0.0.1:1/x?sslmode={PASSWORD}", "The sslmode in DATABASE_URL is not one of"),
    (f"{ROLE}@127.0.0.1:1/x?target_session_attrs={PASSWORD}", "a wrong target_session_attrs."),
    (
        f"{ROLE}@127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/{PASSWORD}",
        "DATABASE_URL names a certificate, key or socket that is not there.",
    ),
]
