"""The asyncio client of Headcount, for bots, load and services that watch."""

from headcount_client.client import Headcount, Status
from headcount_client.errors import HeadcountError, TicketRefused
from headcount_client.line import LineClosed, Socket

__all__ = ["Headcount", "HeadcountError", "LineClosed", "Socket", "Status", "TicketRefused"]
