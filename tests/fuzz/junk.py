"""Values that no honest client sends, as JSON texts: some of them are no JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

TEXTS = [
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "0.5",
    "01",
    "1e999",
    "-1e308",
    "1e-999",
    "9" * 400,
    str(2**53 + 1),
    str(2**63),
    str(2**64),
    "NaN",
    "-Infinity",
    "undefined",
    "'x'",
    "[]",
    "{}",
    "[[[[[]]]]]",
    '{"":{"":{}}}',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u202e\\u200b"',
    '"\\x"',
    '"\x01"',
    '"😀"',
    '"*"',
    '"%00%0a"',
    '"../../etc/passwd"',
    '"\'; drop table bonuses; --"',
    '"${jndi:ldap://127.0.0.1/x}"',
    '"=cmd|1"',
]


def text(dice: Random) -> str:
    """A JSON text, or what looks like one."""
    match dice.randrange(6):
        case 0:
            levels = dice.choice([31, 32, 33, 200, 1_000, 4_000])
            opening, closing = dice.choice([("[", "]"), ('{"a":', "}")])
            return opening * levels + "1" + closing * levels
        case 1:
            length = dice.choice([63, 64, 65, 127, 128, 129, 4_096, 16_384])
            return json.dumps(dice.choice("aü\0😀") * length)
        case 2:
            return json.dumps(dice.randbytes(dice.randrange(20)).decode("latin-1"))
        case _:
            return dice.choice(TEXTS)


def spoil(dice: Random, fields: dict[str, str]) -> str:
    """A JSON object of these fields with one or two things wrong."""
    fields = dict(fields)
    for _ in range(dice.randint(1, 2)):
        match dice.randrange(4):
            case 0:
                fields.pop(dice.choice([*fields, ""]), None)
            case 1:
                fields[dice.choice(["unknown", "Action", "user_id", "re", "now"])] = text(dice)
            case _:
                fields[dice.choice([*fields])] = text(dice)
    pairs = [f"{json.dumps(name)}:{value}" for name, value in fields.items()]
    if not dice.randrange(8):
        pairs.append(dice.choice([*pairs, "", '"id":', "1"]))
    whole = "{" + ",".join(pairs) + "}"
    match dice.randrange(12):
        case 0:
            return whole[: dice.randrange(len(whole))]
        case 1:
            at = dice.randrange(len(whole))
            return whole[:at] + dice.choice(['"', "\\", "{", "]", "\0", "\ufeff"]) + whole[at:]
        case 2:
            return f"[{whole}]"
        case 3:
            return whole + dice.choice([" ", "\n", whole, ","])
        case _:
            return whole
