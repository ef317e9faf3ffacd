"""A chat with Powertools for AWS Lambda: log lines, metrics, and events that are validated."""

import os

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent, event_source
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
)

logger, metrics = Logger(), Metrics()
client = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CALLBACK_URL"])


@logger.inject_lambda_context(correlation_id_path="requestContext.connectionId")
@metrics.log_metrics
def connect(event, context):
    parsed = parse(event=event, model=APIGatewayWebSocketConnectEventModel)
    logger.info("joined", extra={"agent": parsed.request_context.identity.user_agent})
    metrics.add_metric(name="Joined", unit=MetricUnit.Count, value=1)
    return {"statusCode": 200}


@logger.inject_lambda_context(correlation_id_path="requestContext.connectionId")
@event_source(data_class=APIGatewayProxyEvent)
def message(event, context):
    parsed = parse(event=event.raw_event, model=APIGatewayWebSocketMessageEventModel)
    data = f"{event.request_context.route_key} {event.json_body['text']}"
    client.post_to_connection(ConnectionId=parsed.request_context.connection_id, Data=data)
    return {"statusCode": 200}


@logger.inject_lambda_context
def disconnect(event, context):
    parsed = parse(event=event, model=APIGatewayWebSocketDisconnectEventModel)
    logger.info("left", extra={"reason": parsed.request_context.disconnect_reason})
