"""What is counted, and how it looks to Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gateways import Functions
from wsgate.apis import metrics_api
from wsgate.functions.counting import CountingInvoker
from wsgate.logs import EventLine, FunctionLine, RequestLine
from wsgate.metrics import MAX_SERIES, Metrics
from wsgate.model.invoke import InvokeError
from wsgate.transport.responses import Request

if TYPE_CHECKING:
    from wsgate.logs import Line


def embedded(**members: object) -> FunctionLine:
    about = {
        "Namespace": "Shop",
        "Dimensions": [["FunctionName"], ["FunctionName", "Kind"]],
        "Metrics": [{"Name": "sold"}],
    }
    head = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [about]}, "FunctionName": "sell"}
    return FunctionLine(1, "sell", json.dumps(head | members))


def text_after(*lines: Line) -> list[str]:
    metrics = Metrics()
    for line in lines:
        metrics.hear(line)
    return metrics.text().splitlines()


def test_what_a_function_prints_has_its_sum_its_number_and_its_latest_value() -> None:
    text = text_after(embedded(Kind="tea", sold=[2, 3]), embedded(Kind='"milk"', sold=1))
    assert 'shop_sold_sum{function_name="sell"} 6' in text
    assert 'shop_sold_count{function_name="sell"} 3' in text
    assert 'shop_sold_last{function_name="sell"} 1' in text
    assert 'shop_sold_sum{function_name="sell",kind="tea"} 5' in text
    assert 'shop_sold_sum{function_name="sell",kind="\\"milk\\""} 1' in text


@pytest.mark.parametrize(
    "text",
    [
        '{"_aws": ',
        '{"_aws": 7}',
        '{"_aws": {"CloudWatchMetrics": [{"Dimensions": [["x"]], "Metrics": []}]}}',
        embedded(Kind="tea", sold="many").text,
        embedded(sold=1).text.replace("Shop", "Shop\\n") + "x",
        "sold out",
    ],
)
def test_a_line_that_makes_no_sense_counts_nothing(text: str) -> None:
    assert text_after(FunctionLine(1, "sell", text)) == [""]


def test_events_are_counted_as_api_gateway_does() -> None:
    text = text_after(
        EventLine(1, "$connect", "c", "101", 1, False, "r", "api"),
        EventLine(1, "$connect", "c", "429", 1, False, "r", "api", "IntegrationError"),
        EventLine(1, "authorizer", "c", "401 Unauthorized", 1, False, "r", "api", "ClientError"),
        EventLine(1, "hello", "c", "Too Many Requests", 0, None, "r", "api", "ClientError"),
        EventLine(1, "fault", "c", "fault: message_late", 0),
    )
    assert 'aws_api_gateway_connect_count_sum{api_id="api"} 2' in text
    assert 'aws_api_gateway_integration_error_sum{api_id="api"} 1' in text
    assert 'aws_api_gateway_client_error_sum{api_id="api"} 2' in text
    assert 'wsgate_throttled_sum{api_id="api",route="hello"} 1' in text
    assert not [line for line in text if "throttled" in line and "connect" in line]


def test_requests_of_the_http_api_are_counted_and_those_of_other_apis_are_not() -> None:
    text = text_after(
        RequestLine(1, "GET", "/a", 200, 1, False, "r", "web"),
        RequestLine(1, "GET", "/a", 503, 1, False, "r", "web"),
        RequestLine(1, "GET", "/a", 429, 1, False, "r", "web"),
        RequestLine(1, "GET", "/a", 429, 1, None, "", "web"),
        RequestLine(1, "POST", "/live/@connections/c", 500, 1),
    )
    assert 'aws_api_gateway_count_sum{api_id="web"} 4' in text
    assert 'aws_api_gateway_5xx_sum{api_id="web"} 1' in text
    assert 'aws_api_gateway_4xx_sum{api_id="web"} 2' in text
    assert 'wsgate_throttled_sum{api_id="web"} 1' in text


def test_there_is_a_bound_on_names() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 1):
        metrics.add("Shop", f"n{number}", {}, 1)
    assert len(metrics.text().splitlines()) == 3 * MAX_SERIES


async def test_a_throttled_call_is_no_invocation_and_a_failed_one_is_an_error() -> None:
    def throttled(_event: object) -> None:
        raise InvokeError(429, "TooManyRequestsException", "Rate Exceeded.")

    metrics = Metrics()
    invoker = CountingInvoker(Functions(echo=lambda event: event, full=throttled), metrics)
    await invoker.invoke("echo", b"{}")
    with pytest.raises(InvokeError):
        await invoker.invoke("full", b"{}")
    text = metrics.text().splitlines()
    assert 'aws_lambda_invocations_sum{function_name="echo"} 1' in text
    assert 'aws_lambda_errors_sum{function_name="echo"} 0' in text
    assert 'aws_lambda_throttles_sum{function_name="full"} 1' in text
    assert not [line for line in text if "invocations" in line and "full" in line]


async def counted() -> str:
    return "shop_sold_sum 1\n"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "127.0.0.1:8080"}, 200),
        ("POST", {"Host": "127.0.0.1:8080"}, 405),
        ("GET", {"Host": "evil.example"}, 403),
        ("GET", {"Host": "127.0.0.1:8080", "Origin": "https://evil.example"}, 403),
    ],
)
async def test_they_are_for_this_machine_only(
    method: str, headers: dict[str, str], status: int
) -> None:
    request = Request(method, metrics_api.PATH, "", tuple(headers.items()), b"", "127.0.0.1")
    response = await metrics_api.answer(counted, request)
    assert response.status == status
    assert (response.body == b"shop_sold_sum 1\n") is (status == 200)
