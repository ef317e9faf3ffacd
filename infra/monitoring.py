"""Writes what follows from the list of metrics and the alarms: `python -m infra.monitoring`.

That is the reference page, the dashboard's template and Grafana's board. A test compares them with
what this writes, so run it after a change to `handlers/core/metrics.py` or `infra/alarms.yaml`.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any, Final

from handlers.core.metrics import COUNT, METRICS, MILLISECONDS, NAMESPACE, SECTIONS, Metric
from infra.check import ROOT
from wsgate.template.expand import read

WIDTH, HEIGHT = 8, 6
"""Of a graph: three in a row of CloudWatch's 24 columns."""

ALARMS: Final = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}

HEAD = """# Metrics and alarms

<!-- Written by `python -m infra.monitoring` from handlers/core/metrics.py and alarms.yaml. -->

Metrics are in CloudWatch's namespace `Headcount`, by `FunctionName`; some also by the dimensions
that they name. The functions print them as lines of the embedded metric format. Ordinary counts
share a line, at most ten seconds later; what is rare is printed with its event. The stack's
dashboard shows the states of the alarms, and draws the metrics beside AWS's own
([Monitoring](parameters.md#monitoring)).

On your machine the lines are in the output of `make run`, and `/_wsgate/metrics` answers them to
Prometheus on the same machine, as `headcount_<name>_sum`, `_count` and `_last`, beside
[those of the gateway](../../localstack/wsgate/docs/metrics.md). `infra/grafana.json` is a board.
"""

OF_ALARMS = """## Alarms

With [Monitoring](parameters.md#monitoring), which is on by default. They tell the topic
`AlarmTopic`, also when they are over; [AlarmEmail](parameters.md#alarmemail) subscribes an address.
No alarm rings for tickets that have expired, our own refusals, strangers who try names and paths,
or clients that come back after a storm.
"""


def main() -> None:
    """Write the files."""
    for file, text in written().items():
        (ROOT / file).write_text(text)


def written() -> dict[str, str]:
    """The files' contents by their paths."""
    return {
        "docs/reference/metrics-and-alarms.md": page(),
        "infra/dashboard.yaml": dashboard(),
        "infra/grafana.json": json.dumps(grafana(), indent=1) + "\n",
    }


def alarms() -> dict[str, dict[str, Any]]:
    """The alarms' properties by their logical ids."""
    resources = read(ROOT / "infra" / "alarms.yaml").body["Resources"].items()
    return {name: one["Properties"] for name, one in resources if one["Type"] in ALARMS}


def ringing() -> dict[str, dict[str, Any]]:
    """Those that tell somebody."""
    return {name: alarm for name, alarm in alarms().items() if "AlarmActions" in alarm}


# The reference page.


def page() -> str:
    sections = [HEAD]
    for heading, metrics in SECTIONS.items():
        sections += [f"## {heading}\n", *map(_entry, metrics)]
    sections.append(OF_ALARMS)
    for name, alarm in ringing().items():
        text, runbook = re.fullmatch(r"(.+) Runbook: docs/(.+)", alarm["AlarmDescription"]).groups()  # type: ignore[union-attr]  # a test has it
        sections.append(f"### {name}\n\n{text} [Runbook](../{runbook})\n")
    return "\n".join(sections)


def _entry(metric: Metric) -> str:
    by = " and ".join(one.removesuffix("Function") for one in metric.functions)
    if len(metric.functions) > 2:  # noqa: PLR2004
        by = ", ".join(one.removesuffix("Function") for one in metric.functions)
    written_by = f" Written by {by}." if by else ""
    unit = "" if metric.unit == COUNT else f" In {metric.unit.lower()}."
    text = f"{metric.means}{unit}{written_by}"
    return f"### {metric.name}\n\n{text}\n" + (f"\n{metric.do}\n" if metric.do else "")


# CloudWatch's dashboard.


def dashboard() -> str:
    functions = sorted({function for metric in METRICS for function in metric.functions})
    names = ["Alarms", "SocketApi", "WebApi", "BroadcastQueue", "NewsQueue", *functions]
    # A graph is a line: the file is not read by people, and changes line by line.
    lines = ",\n".join(f"            {json.dumps(widget)}" for widget in widgets(functions))
    parameters = "\n".join(f"  {name}: {{Type: String}}" for name in names)
    return f"""AWSTemplateFormatVersion: "2010-09-09"
Description: "Headcount: the dashboard."

# Written by `python -m infra.monitoring`.

Parameters:
{parameters}

Resources:
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody:
        Fn::Sub: |-
          {{"widgets": [
{lines}
          ]}}
"""


def widgets(functions: list[str]) -> list[dict[str, Any]]:
    """The alarms' states, then our metrics by their graphs, and AWS's own."""
    states = {
        "type": "alarm",
        **{"x": 0, "y": 0, "width": 3 * WIDTH, "height": HEIGHT},
        # Of alarms.yaml's output, with the quotes between them.
        "properties": {"title": "Alarms", "alarms": ["${Alarms}"]},
    }
    graphs = [(title, [row for one in metrics for row in _rows(one)]) for title, metrics in drawn()]
    socket, web = ("ApiId", "${SocketApi}"), ("ApiId", "${WebApi}")
    graphs += [
        (
            "API Gateway",
            [
                ["AWS/ApiGateway", name, *api, {"stat": "Sum"}]
                for name, api in (
                    ("ConnectCount", socket),
                    ("MessageCount", socket),
                    ("ClientError", socket),
                    ("IntegrationError", socket),
                    ("ExecutionError", socket),
                    ("Count", web),
                    ("4xx", web),
                    ("5xx", web),
                )
            ],
        ),
        *((f"Lambda: {name}", _of_lambda(name, stat, functions)) for name, stat in OF_LAMBDA),
        (
            "Queues: age in seconds",
            [
                ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name, {"stat": "Maximum"}]
                for name in ("${BroadcastQueue}", "${NewsQueue}")
            ],
        ),
    ]
    return [
        states,
        *(
            {
                "type": "metric",
                "x": number % 3 * WIDTH,
                "y": (1 + number // 3) * HEIGHT,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {
                    "title": title,
                    "metrics": rows,
                    "period": 60,
                    "region": "${AWS::Region}",
                },
            }
            for number, (title, rows) in enumerate(graphs)
        ),
    ]


OF_LAMBDA: Final = (
    ("Errors", "Sum"),
    ("Throttles", "Sum"),
    ("ConcurrentExecutions", "Maximum"),
    ("Duration", "p99"),
)


def drawn() -> list[tuple[str, list[Metric]]]:
    """The graphs with their metrics, in the order of the list."""
    order = list(dict.fromkeys(metric.graph for metric in METRICS if metric.graph))
    shown = sorted((one for one in METRICS if one.graph), key=lambda one: order.index(one.graph))
    return [(title, list(metrics)) for title, metrics in groupby(shown, lambda one: one.graph)]


def _rows(metric: Metric) -> list[list[Any]]:
    """A metric in CloudWatch's source of a graph."""
    if metric.dimensions and metric.functions:
        names = ",".join((NAMESPACE, "FunctionName", *metric.dimensions))
        return [
            [
                {
                    "expression": f'SEARCH(\'{{{names}}} MetricName="{metric.name}" '
                    f"FunctionName=\"${{{function}}}\"', 'Sum', 60)"
                }
            ]
            for function in metric.functions
        ]
    if not metric.functions:
        return [
            [NAMESPACE, metric.name, "ApiId", f"${{{api}}}", {"stat": "Sum"}]
            for api in ("SocketApi", "WebApi")
        ]
    stat = "Maximum" if metric.is_state else "p99" if metric.unit == MILLISECONDS else "Sum"
    return [
        [
            NAMESPACE,
            metric.name,
            "FunctionName",
            f"${{{function}}}",
            {"stat": stat, "label": f"{metric.name} {function.removesuffix('Function')} {stat}"},
        ]
        for function in metric.functions
    ]


def _of_lambda(name: str, stat: str, functions: list[str]) -> list[list[Any]]:
    return [
        [
            "AWS/Lambda",
            name,
            "FunctionName",
            f"${{{one}}}",
            {"stat": stat, "label": one.removesuffix("Function")},
        ]
        for one in functions
    ]


# Grafana, for what `/_wsgate/metrics` answers to Prometheus.


def grafana() -> dict[str, Any]:
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": title,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"x": number % 3 * 8, "y": number // 3 * 7, "w": 8, "h": 7},
            "targets": [
                {"refId": f"A{index}", "expr": _promql(metric), "legendFormat": _legend(metric)}
                for index, metric in enumerate(metrics)
            ],
        }
        for number, (title, metrics) in enumerate(drawn())
    ]
    return {
        "title": "Headcount",
        "uid": "headcount",
        "schemaVersion": 39,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "10s",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def _promql(metric: Metric) -> str:
    name = f"headcount_{metric.name}"
    if metric.is_state:
        return f"max({name}_last)"
    labels = [one.lower() for one in metric.dimensions if metric.functions]
    chosen = "{" + ",".join(f'{one}!=""' for one in labels) + "}" if labels else ""
    by = f" by ({', '.join(['function_name', *labels])})"
    rate = f"sum{by} (rate({name}_sum{chosen}[1m]))"
    if metric.unit == MILLISECONDS:
        return f"{rate} / sum{by} (rate({name}_count[1m]))"
    return rate


def _legend(metric: Metric) -> str:
    if metric.is_state:
        return metric.name
    labels = ["function_name", *(one.lower() for one in metric.dimensions if metric.functions)]
    return " ".join([metric.name, *(f"{{{{{one}}}}}" for one in labels)])


if __name__ == "__main__":
    main()
