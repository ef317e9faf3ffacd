"""Keys that are not in the template, and the addresses that functions push to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateways import function, plan, websocket_api
from wsgate.core.access import identity
from wsgate.core.signature import Credential
from wsgate.credentials import (
    CredentialError,
    from_environment,
    known,
    with_api_keys,
    with_own_keys,
)
from wsgate.model.plan import ApiKeys, Authorizer, BasePath, Function, Plan
from wsgate.model.urls import stage_urls, unreachable, with_endpoints

API = websocket_api({"act": function("act")})
ADDRESS = "127.0.0.1:8080"
DOMAIN = "ws.example.com"


def code(name: str, **environment: str) -> Function:
    return Function(name, Path(), "m.f", timedelta(seconds=3), 128, environment)


def with_functions(plan: Plan, *functions: Function) -> Plan:
    return replace(plan, functions={function.name: function for function in functions})


def endpoints(plan: Plan) -> dict[str, str | None]:
    functions = with_endpoints(plan, ADDRESS).functions
    return {name: one.environment.get("WSGATE_ENDPOINT") for name, one in functions.items()}


class TestKeys:
    def test_each_function_signs_as_its_own_role(self) -> None:
        given = with_functions(plan(API), code("one", A="b"), code("two"))
        given = replace(given, statements={"one": ()})
        made, keys = with_own_keys(given)
        one, two = made.functions["one"].environment, made.functions["two"].environment
        assert one["A"] == "b"
        assert one["AWS_ACCESS_KEY_ID"] != two["AWS_ACCESS_KEY_ID"]
        assert len(one["AWS_ACCESS_KEY_ID"]) == 20
        assert one["AWS_ACCESS_KEY_ID"].startswith("ASIA")
        principals = known(made, {}, keys, "token")
        assert principals[one["AWS_ACCESS_KEY_ID"]].statements == ()
        assert principals[two["AWS_ACCESS_KEY_ID"]].statements is None
        secret = one["AWS_SECRET_ACCESS_KEY"]
        assert principals[one["AWS_ACCESS_KEY_ID"]].credential == Credential(secret, "token")

    def test_a_run_has_other_keys_than_the_next(self) -> None:
        given = with_functions(plan(API), code("one"))
        assert with_own_keys(given)[1] != with_own_keys(given)[1]

    def test_the_local_key_and_those_that_are_named_may_do_everything(self) -> None:
        principals = known(plan(API), {"AKIDMINE": Credential("s")}, {}, "token")
        assert principals.keys() == {"local", "AKIDMINE"}
        assert principals["AKIDMINE"].arn == "arn:aws:iam::000000000000:user/AKIDMINE"
        assert all(principal.statements is None for principal in principals.values())

    def test_a_key_with_a_token_is_that_of_a_role(self) -> None:
        """As SSO and `sts:AssumeRole` give out; Cognito's sessions have a name of their own."""
        mine = Credential("s", "t")
        theirs = Credential("s", "t", identity={"cognitoIdentityId": "eu-west-1:1234"})
        principals = known(plan(API), {"ASIAMINE": mine, "ASIATHEIRS": theirs}, {}, "token")
        role = principals["ASIAMINE"]
        assert role.arn == "arn:aws:sts::000000000000:assumed-role/ASIAMINE/ASIAMINE"
        assert re.fullmatch(r"AROA[A-Z2-7]{17}:ASIAMINE", role.user_id)
        of_pool = principals["ASIATHEIRS"]
        assert of_pool.arn.endswith(":assumed-role/ASIATHEIRS/CognitoIdentityCredentials")
        said = identity("ASIATHEIRS", of_pool, "000000000000")
        assert said["accessKey"] == "ASIATHEIRS"
        assert said["caller"] == said["user"] == of_pool.user_id
        assert said["cognitoIdentityId"] == "eu-west-1:1234"

    def test_what_events_say_of_a_signer_is_in_the_environment(self) -> None:
        said = {"userArn": "arn:aws:sts::1:assumed-role/a/b", "cognitoIdentityPoolId": "p"}
        variables = {"WSGATE_SECRET_ASIAMINE": "s", "WSGATE_IDENTITY_ASIAMINE": json.dumps(said)}
        [made] = from_environment(["ASIAMINE"], variables).values()
        assert made == Credential("s", identity=said)
        principal = known(plan(API), {"ASIAMINE": made}, {}, "token")["ASIAMINE"]
        assert said.items() <= identity("ASIAMINE", principal, "1").items()

    @pytest.mark.parametrize("text", ["{", "[]", "1", '{"userArn": 1}', '{"sourceIp": "::1"}'])
    def test_another_identity_is_refused(self, text: str) -> None:
        variables = {"WSGATE_SECRET_ASIAMINE": "s", "WSGATE_IDENTITY_ASIAMINE": text}
        with pytest.raises(CredentialError, match="WSGATE_IDENTITY_ASIAMINE"):
            from_environment(["ASIAMINE"], variables)

    def test_a_developer_signs_with_the_local_key_without_the_token_of_the_functions(self) -> None:
        local = known(plan(API), {}, {}, "token")["local"].credential
        assert [local.takes(token) for token in ("token", None, "other", "")] == [
            True,
            True,
            False,
            False,
        ]
        assert [Credential("s").takes(token) for token in (None, "token")] == [True, False]
        assert [Credential("s", "t").takes(token) for token in ("t", None)] == [True, False]

    def test_an_api_key_opens_what_asks_for_one(self) -> None:
        asks = replace(API, api_keys=ApiKeys({"given": "id"}), stage="asks")
        made = with_api_keys(plan(asks, more=(API,)), ["mine"])
        keys = made.websockets[0].api_keys
        assert keys is not None
        assert keys.ids.keys() == {"given", "mine"}
        assert len(keys.ids["mine"]) == 10
        assert made.websockets[1].api_keys is None
        assert made.warnings == ()

    def test_a_connect_that_no_key_opens_is_warned_of(self) -> None:
        [warning] = with_api_keys(plan(replace(API, api_keys=ApiKeys({}))), []).warnings
        assert "$connect of stage live needs an API key, and there is none" in warning


class TestWrittenAddresses:
    """Templates and the CDK write an API's address on AWS into functions.

    docs/aws-behaviour.md §1.1, §11.
    """

    HOST = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"

    def written(self, plan: Plan, text: str) -> str:
        made = with_endpoints(with_functions(plan, code("act", URL=text)), ADDRESS)
        return made.functions["act"].environment["URL"]

    def test_they_lead_here(self) -> None:
        assert self.written(plan(API), f"https://{self.HOST}/live") == f"https://{ADDRESS}/live"
        assert self.written(plan(API), f"wss://{self.HOST}") == f"wss://{ADDRESS}"
        assert self.written(plan(API), self.HOST) == ADDRESS

    def test_that_of_the_http_api_too(self) -> None:
        given = plan(API, {"$default": function("web")})
        host = "f6g7h8i9j0.execute-api.eu-west-1.amazonaws.com"
        assert self.written(given, f"https://{host}/") == f"https://{ADDRESS}/"

    def test_one_of_two_stages_of_a_name_by_the_host_that_tells_them_apart(self) -> None:
        given = plan(API, more=(replace(API, api_id="z9y8x7w6v5"),))
        here = "a1b2c3d4e5.localhost:8080"
        assert self.written(given, f"https://{self.HOST}/live") == f"https://{here}/live"

    def test_what_is_not_of_this_template_stays(self) -> None:
        other = "https://zzzzzzzzzz.execute-api.eu-west-1.amazonaws.com/live"
        assert self.written(plan(API), other) == other

    def test_without_the_default_endpoint_it_leads_nowhere_as_on_aws(self) -> None:
        api = replace(API, base_paths=(BasePath(DOMAIN),), has_default_endpoint=False)
        assert self.written(plan(api), f"https://{self.HOST}/live") == f"https://{self.HOST}/live"


class TestBases:
    def test_a_stage_and_its_domains(self) -> None:
        api = replace(API, base_paths=(BasePath(DOMAIN), BasePath(DOMAIN, "a/b")))
        bases = [base.text for base in stage_urls(plan(api), ADDRESS)]
        assert bases == [f"{ADDRESS}/live", f"{DOMAIN}:8080", f"{DOMAIN}:8080/a/b"]

    def test_stages_of_one_name_are_told_apart_by_their_api(self) -> None:
        other, third = replace(API, api_id="z9y8x7w6v5"), replace(API, stage="test")
        bases = [base.text for base in stage_urls(plan(API, more=(other, third)), ADDRESS)]
        assert bases == [
            "a1b2c3d4e5.localhost:8080/live",
            "z9y8x7w6v5.localhost:8080/live",
            f"{ADDRESS}/test",
        ]

    def test_without_the_default_endpoint_a_domain_is_the_only_address(self) -> None:
        api = replace(API, base_paths=(BasePath(DOMAIN, "k"),), has_default_endpoint=False)
        given = with_functions(plan(api), code("act"))
        assert [base.text for base in stage_urls(given, ADDRESS)] == [f"{DOMAIN}:8080/k"]
        assert endpoints(given) == {"act": f"http://{DOMAIN}:8080/k"}
        [sentence] = unreachable(given)
        assert f"stage live is reached as {DOMAIN} only" in sentence
        assert unreachable(plan(API)) == []

    def test_every_function_of_one_stage_pushes_to_it(self) -> None:
        given = with_functions(plan(API), code("act"), code("worker"), code("own"))
        assert set(endpoints(given).values()) == {f"http://{ADDRESS}/live"}

    def test_what_the_template_says_wins(self) -> None:
        given = with_functions(plan(API), code("act", WSGATE_ENDPOINT="mine"))
        assert endpoints(given) == {"act": "mine"}

    def test_with_two_stages_a_function_pushes_to_the_one_that_calls_it(self) -> None:
        routes = websocket_api({"act": function("both"), "b": function("two")}).routes
        test = replace(API, stage="test", routes=routes, authorizer=Authorizer("gate", ()))
        live = replace(API, routes=websocket_api({"act": function("both")}).routes)
        names = ("both", "two", "gate", "worker")
        given = with_functions(plan(live, more=(test,)), *map(code, names))
        assert endpoints(given) == {
            "both": None,
            "two": f"http://{ADDRESS}/test",
            "gate": f"http://{ADDRESS}/test",
            "worker": None,
        }
