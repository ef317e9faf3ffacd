"""The text of a template, read as CloudFormation reads it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from wsgate.template.document import parse


@pytest.mark.parametrize(
    ("written", "read"),
    [
        # no dates: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
        ("2010-09-09", "2010-09-09"),
        ("2012-10-17", "2012-10-17"),
        ("2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43.10 -5"),
        ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
        ("!!timestamp 2030-01-31", "2030-01-31"),
        # the booleans of YAML 1.1, which have no single letters: a key of DynamoDB is an N
        *((word, True) for word in ("yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")),
        *((word, False) for word in ("no", "No", "off", "Off", "OFF", "false", "False")),
        ("y", "y"),
        ("N", "N"),
        ("yEs", "yEs"),
        # the numbers of YAML 1.1
        ("012", 10),
        ("0755", 493),
        ("089", "089"),
        ("012345678901", "012345678901"),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000_000", 1_000_000),
        ("22:22", 1342),
        ("1:30:00", 5400),
        ("08:30", "08:30"),
        ("3.13", 3.13),
        ("5.10", 5.1),
        ("5.0.4", "5.0.4"),
        ("1e3", "1e3"),
        # what looks like something else, and is text
        ("0x_", "0x_"),
        (".inf", ".inf"),
        ("=", "="),
        ("!!int ''", ""),
        ("!!str 012", "012"),
        ("'012'", "012"),
        ('"yes"', "yes"),
        # short forms, also inside of one another
        ("!Ref AWS::Region", {"Ref": "AWS::Region"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt Nested.Outputs.Url", {"Fn::GetAtt": ["Nested", "Outputs.Url"]}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!Condition Live", {"Condition": "Live"}),
        (
            "!Sub ['${a}-${B}', {a: !Join [',', [!Ref C, !GetAtt D.E]]}]",
            {
                "Fn::Sub": [
                    "${a}-${B}",
                    {"a": {"Fn::Join": [",", [{"Ref": "C"}, {"Fn::GetAtt": ["D", "E"]}]]}},
                ]
            },
        ),
        (
            "!If [!Ref A, !Select [0, !Split ['|', x]], 2020-01-01]",
            {
                "Fn::If": [
                    {"Ref": "A"},
                    {"Fn::Select": [0, {"Fn::Split": ["|", "x"]}]},
                    "2020-01-01",
                ]
            },
        ),
    ],
)
def test_a_value_is_what_cloudformation_makes_of_it(written: str, read: Any) -> None:
    document = parse(f"Key: {written}\nList:\n  - {written}\n")
    assert document.body == {"Key": read, "List": [read]}
    assert type(document.body["Key"]) is type(read)
    assert document.problems == ()


def test_dates_may_stand_wherever_a_text_may() -> None:
    document = parse("""
AWSTemplateFormatVersion: 2010-09-09
Metadata: {Reviewed: {2020-02-03: 2020-02-04}, Tags: [2020-02-05]}
Parameters: {Since: {Type: String, Default: 2020-01-01, AllowedValues: [2020-01-01, 2021-01-01]}}
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: 2012-10-17}}}
""")
    assert document.problems == ()
    assert document.body["Metadata"] == {
        "Reviewed": {"2020-02-03": "2020-02-04"},
        "Tags": ["2020-02-05"],
    }
    assert document.body["Parameters"]["Since"]["AllowedValues"] == ["2020-01-01", "2021-01-01"]
    policy = document.body["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    assert policy == {"Version": "2012-10-17"}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("123456789012", "a number, and CloudFormation refuses that: quote it"),
        ("1.5", "a number,"),
        ("012", "a number,"),
        ("No", "true or false,"),
        ("on", "true or false,"),
        ("~", "nothing,"),
    ],
)
def test_a_key_is_text_and_told_if_cloudformation_refuses_it(key: str, words: str) -> None:
    document = parse(f"Map:\n  {key}: x\n")
    assert document.body == {"Map": {key: "x"}}
    [problem] = document.problems
    assert problem.line == 2
    assert problem.words.startswith(f"the key {key} is no text in YAML but {words}")


@pytest.mark.parametrize("empty", ["", "~", "null", "NULL"])
def test_nothing_is_no_value_and_told(empty: str) -> None:
    document = parse(f"A:\n  B: {empty}\n  C: 1\n")
    assert document.body == {"A": {"C": 1}}
    [problem] = document.problems
    assert (problem.line, problem.words[:22]) == (2, "B has no value (null),")


def test_the_last_of_two_equal_keys_counts_and_it_is_told() -> None:
    for words in ("A:\n  B: 1\n  B: 2\n", '{"A":\n{"B": 1,\n"B": 2}}'):
        document = parse(words)
        assert document.body == {"A": {"B": 2}}
        [problem] = document.problems
        assert (problem.line, problem.words) == (
            3,
            "B stands here again, and the last one counts, as on AWS",
        )


def test_anchors_aliases_and_merge_keys_are_written_out() -> None:
    document = parse("""
Base: &base {Runtime: python3.13, Timeout: 3}
More: &more {Timeout: 9}
One: {<<: *base, Timeout: 5}
Two: {<<: [*more, *base], Layers: &layers [a]}
Three: {<<: *base, Layers: *layers}
""")
    body = document.body
    assert body["One"] == {"Runtime": "python3.13", "Timeout": 5}
    assert body["Two"] == {"Runtime": "python3.13", "Timeout": 9, "Layers": ["a"]}
    assert body["Three"] == {"Runtime": "python3.13", "Timeout": 3, "Layers": ["a"]}
    assert (document.has_aliases, document.problems) == (True, ())


def test_json_is_read_as_json() -> None:
    words = '\ufeff{\n\t"A": "\\ud83d\\ude00", "B": 1e3,\n\t"C": {"D": "2010-09-09", "E": "yes"}}'
    document = parse(words)
    assert document.body == {"A": "😀", "B": 1000.0, "C": {"D": "2010-09-09", "E": "yes"}}
    assert (document.has_aliases, document.problems) == (False, ())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("A: !!binary aGk=", "CloudFormation has no !!binary"),
        ("A: !!set {a}", "CloudFormation has no !!set"),
        ("!Sub a: b", "a key must be a text, and this one is a mapping, a list or a function"),
        ("? [a]\n: b", "a key must be a text,"),
        ("A: !!python/object:os.system x", "could not determine a constructor"),
        ("A: 1\n---\nB: 2", "but found another document"),
        ("A: &a [*a]", "an alias is inside of what it names"),
        (
            "A: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(
                f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
                for before, name in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "its aliases make more than 500000 values",
        ),
    ],
)
def test_what_cannot_be_read_is_told(words: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=problem):
        parse(words)
