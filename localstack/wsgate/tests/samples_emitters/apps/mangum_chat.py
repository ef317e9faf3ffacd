"""A chat in FastAPI behind mangum-ws, which makes HTTP requests of the events."""

import os

from fastapi import FastAPI
from mangum import Mangum
from mangum_ws import MangumWS

app = FastAPI()
sockets = MangumWS(endpoint_url=os.getenv("APIGW_MANAGEMENT_URL"))


@sockets.on_connect
async def joined(connection_id: str):
    print("joined", connection_id)


@sockets.on_disconnect
async def left(connection_id: str):
    print("left", connection_id)


@sockets.on_message
async def said(connection_id: str, data: dict):
    await sockets.send({connection_id}, f"sendmessage {data['text']}")


app.include_router(sockets.router)
handler = Mangum(app, custom_handlers=[sockets.handler], lifespan="off")
