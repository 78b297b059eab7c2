"""The shape of `metrics`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from comporta.config.headers import HeaderName, HeaderValue
from comporta.config.part import Part
from comporta.config.types import HttpUrl, Line, PositiveDuration, Query, refusal
from comporta.model.queries import placeholders
from comporta.model.spec import MetricsSpec

METRICS = MetricsSpec(url="", queries=())


class MetricQuery(Part):
    """A metric that a new release must keep below a limit: `max`, `max_ratio`, or both."""

    name: Line = Field(description="What it is called in the output.")
    query: Query = Field(
        description="PromQL that answers with one number; no answer, or NaN, means: no data. It may hold `{release}` "
        "(the number), `{version}` (in quotes) and `{slot}`."
    )
    max: float | None = Field(default=None, description="The largest value that is right.")
    max_ratio: Annotated[float, Field(ge=1)] | None = Field(
        default=None,
        description="How many times stable's value it may be, such as `1.5`. The query needs a placeholder for it.",
    )

    @field_validator("max_ratio")
    @classmethod
    def _asks_each_role(cls, ratio: float | None, info: ValidationInfo) -> float | None:
        query = info.data.get("query")
        if ratio is not None and query is not None and not placeholders(query):
            advice = 'tell them apart in `query`, such as release="{release}", version="{version}" or slot="{slot}"'
            raise refusal("the query is the same for stable and for the candidate", advice)
        return ratio

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.max is None and self.max_ratio is None:
            raise refusal("there is neither `max` nor `max_ratio`", "add `max: 100` or `max_ratio: 1.5`, or both")
        return self


class Metrics(Part):
    """A Prometheus server (or what speaks its HTTP API) that is asked for further metrics of a new release."""

    url: HttpUrl = Field(
        description="Its address, before `/api/v1/query`. Name and password in it may be variables: "
        "`https://name:${PASSWORD}@metrics.example.com`."
    )
    queries: Annotated[list[MetricQuery], Field(min_length=1)] = Field(description="What is asked.")
    timeout: PositiveDuration = Field(default=METRICS.timeout, description="How long one answer may take.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, description='Headers to send, such as `Authorization: "Bearer ${TOKEN}"`.'
    )
