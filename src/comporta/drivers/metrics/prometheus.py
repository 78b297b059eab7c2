"""Instant queries to a Prometheus server, or to what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics…)."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import anyio

from comporta.drivers.causes import root_cause
from comporta.model.errors import MetricSourceFailure
from comporta.model.spec import MetricsSpec
from comporta.ports.secrets import Secrets

SHOWN = 300
"""Characters of an answer that are shown to a person."""
SEE_SERVER = "see whether Prometheus runs there; `metrics.url` in the config names it"
SEE_QUERY = "correct the query under `metrics.queries`: the expression browser of Prometheus shows what it answers"


class Prometheus:
    """Implements the MetricSource port. Each question opens a connection of its own."""

    def __init__(self, spec: MetricsSpec, secrets: Secrets) -> None:
        self._spec = spec
        self._secrets = secrets

    async def value(self, query: str) -> float | None:
        status, body = await self._ask(query)
        try:
            answer = json.loads(body)
            outcome = answer["status"]
        except (ValueError, TypeError, KeyError):
            shown = " ".join(body.split())[:SHOWN]
            raise self._failure(query, f"status {status}: {shown}", SEE_SERVER) from None
        if outcome != "success":
            raise self._failure(query, f"{answer.get('error', outcome)}", SEE_QUERY)
        return self._number(query, answer["data"])

    async def _ask(self, query: str) -> tuple[int, str]:
        """The status and the body of the answer."""
        # Imported here, as `comporta --help` need not pay for it.
        import httpx2

        url, auth = self._place()
        timeout = self._spec.timeout
        headers = {name: self._secrets.fill(text) for name, text in self._spec.headers.items()}
        asked = {"query": self._secrets.fill(query), "timeout": f"{math.ceil(timeout * 1000)}ms"}
        try:
            # The limit is for the whole exchange: an answer that trickles in must not outlive it.
            with anyio.fail_after(timeout):
                async with httpx2.AsyncClient(timeout=timeout, auth=auth, headers=headers) as client:
                    response = await client.get(f"{url}/api/v1/query", params=asked)
        except (TimeoutError, httpx2.TimeoutException):
            raise self._failure(query, f"nothing came within {timeout:g} s", SEE_SERVER) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise self._failure(query, root_cause(error), SEE_SERVER) from error
        return response.status_code, response.text

    def _place(self) -> tuple[str, tuple[str, str] | None]:
        """The address without name and password, and these two: a password may hold what has a meaning in a URL."""
        parts = urlsplit(self._spec.url)
        user, at, host = parts.netloc.rpartition("@")
        name, _, password = (self._secrets.fill(unquote(part)) for part in user.partition(":"))
        return urlunsplit(parts._replace(netloc=host)), (name, password) if at else None

    def _number(self, query: str, data: dict[str, Any]) -> float | None:
        kind, result = data["resultType"], data["result"]
        if kind == "vector" and not result:
            return None
        if kind == "vector" and len(result) > 1:
            cause = f"it answers with {len(result)} values, where one is needed"
            raise self._failure(query, cause, "bring them together, as in sum(…) or max(…)")
        sample = result if kind == "scalar" else result[0].get("value") if kind == "vector" else None
        if sample is None:
            raise self._failure(query, f"it answers with a {kind} that is not one number", SEE_QUERY)
        value = float(sample[1])
        if math.isinf(value):
            raise self._failure(query, f"the answer is {sample[1]}", "divide by something that is never 0")
        return None if math.isnan(value) else value

    def _failure(self, query: str, cause: str, next: str) -> MetricSourceFailure:
        # The query as it is written: no secret is filled in there.
        text = f"cannot ask {self._place()[0]} for {query}: {self._secrets.redact(cause)}"
        return MetricSourceFailure(text, next=next)
