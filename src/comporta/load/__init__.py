"""Traffic made on purpose, measured honestly.

`LoadGenerator` sends requests on a schedule and counts what became of each; `Relay` puts a network's delay between
a client and a server on one machine. `python -m comporta.load URL` is the same as a command.
"""

from comporta.load.open_loop import LoadGenerator
from comporta.load.relay import Relay
from comporta.load.report import Report, Sample
from comporta.load.requests import Client, Request, RequestFailed, Scenario

__all__ = ["Client", "LoadGenerator", "Relay", "Report", "Request", "RequestFailed", "Sample", "Scenario"]
