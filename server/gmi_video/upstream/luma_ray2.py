"""Luma-Ray2 as the vendor's page documents it: the parameters' names, values and defaults."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gmi_video.text import as_json_literal
from gmi_video.upstream.wire import ModelRecord, Parameter

LUMA_RAY2 = "Luma-Ray2"

Resolution = Literal["540p", "720p", "1080p", "4k"]
Duration = Literal["5s", "9s"]
AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]


def named(model: str) -> str:
    """A model's id as it stands in a sentence: in quotation marks, unless it is the one that is ours to name."""
    return model if model == LUMA_RAY2 else as_json_literal(model)


class LumaRay2Payload(BaseModel):
    """Luma-Ray2's parameters: the guide's table ("Request Parameters"), name for name.

    The guide's curl example (`durationSeconds`, `aspectRatio`, `negative_prompt`, `seed`) contradicts its own table
    and status echo; the table is right (gmi-api, "Luma-Ray2").
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: str = Field(min_length=1)
    resolution: Resolution = "720p"
    duration: Duration = "5s"
    aspect_ratio: AspectRatio = "16:9"
    loop: bool = False
    frame0_image: str = ""
    frame1_image: str = ""

    def wire(self) -> dict[str, Any]:
        """The payload as sent: every choice spelled out, a frame that was not given left out."""
        return {name: value for name, value in self.model_dump().items() if value != ""}


DOCUMENTED = ModelRecord(
    model=LUMA_RAY2,
    parameters=[
        Parameter(
            name=name,
            type=schema["type"],
            required="default" not in schema,
            default_value=schema.get("default"),
            options=schema.get("enum", []),
        )
        for name, schema in LumaRay2Payload.model_json_schema()["properties"].items()
    ],
)
"""The documented table in the form of a live record, for when the live record is unavailable. It has no price."""
