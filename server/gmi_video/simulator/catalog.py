"""The models: Luma-Ray2 as in the guide's table (D), and other models that differ from it where the real ones do.

The real body of `GET /models/Luma-Ray2` is unknown (?): the keys are those of the vendor's other model records (D, P),
the parameters are the guide's (D), and the price is invented.
"""

import random
import uuid
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]

NO_ACCESS = "kling-v3-enterprise-preview"
"""A model that is in the list but that the account may not use."""
PRIVATE = "3f2b8a54-6d1c-4e0f-9a77-51c0d4e8b9a2"
"""A private model, whose id is a bare UUID; the live list has hundreds of them (P)."""

START_IMAGES = ("frame0_image", "start_frame_url", "image_url", "image", "input_reference")
"""The names that models give the parameter for a video's first frame."""
END_IMAGES = ("frame1_image", "end_frame_url", "lastFrame")
"""The names that models give the parameter for a video's last frame."""


def parameter(name: str, kind: str, description: str, *, required: bool = False, **limits: Any) -> Record:
    """One entry of a model's `parameters`, with every key that live ones have (D, P)."""
    return {
        "name": name,
        "display_name": name.replace("_", " ").title(),
        "description": description,
        "type": kind,
        "required": required,
        "default_value": limits.get("default"),
        "options": limits.get("options"),
        "min_value": limits.get("low"),
        "max_value": limits.get("high"),
    }


def per(unit: str, millionths: int) -> Record:
    """A `price_info`, in millionths of a dollar per unit (P)."""
    return {"price": millionths, "pricing_type": f"per_{unit}", "unit": unit}


def model(name: str, brief: str, parameters: list[Record], price: Record | None, **more: Any) -> Record:
    """A model record as in `GET /models/{id}`, with its keys in order (D)."""
    title = more.get("title", name)
    kinds = more.get("kinds", ("text", "video"))
    record: Record = {
        "model": name,
        "display_name": title,
        "org_id": "gmi-cloud",
        "model_type": "image" if kinds[-1] == "image" else "video",
        "brief_description": brief,
        "detailed_description": more.get("guide", _guide(title, brief, parameters)),
        "tags": [f"{kinds[0]}-to-{kinds[-1]}", title.split("-", maxsplit=1)[0].lower()],
        "modalities": {"input": list(kinds[:-1]), "output": [kinds[-1]]},
        "parameters": parameters,
        "price_info": price,
        "pricing_details": more.get("pricing_details", ""),
    }
    if price is None:
        del record["price_info"]
    return record


def _guide(title: str, brief: str, parameters: list[Record]) -> str:
    rows = "\n".join(
        f"| {row['name']} | {row['type']} | {'Yes' if row['required'] else 'No'} | {row['description']} |"
        for row in parameters
    )
    return (
        f"# {title} API Usage Guide\n\n## Overview\n\n{brief}\n\n## Authentication\n\nInclude your API key in the "
        "Authorization header:\n\n```\nAuthorization: Bearer YOUR_API_KEY\n```\n\n## Request Parameters\n\n"
        f"| Parameter | Type | Required | Description |\n|---|---|---|---|\n{rows}\n\n## Tips for Better Results\n\n"
        "1. **Clear, Descriptive Prompts**: Use specific, detailed descriptions for better video quality\n"
        "2. **Duration Considerations**: shorter videos are quicker and cheaper\n"
    )


def _prompt(text: str = "Text prompt describing the desired video", **limits: Any) -> Record:
    return parameter("prompt", "string", text, required=True, **limits)


def _choice(name: str, description: str, default: str, *options: str) -> Record:
    return parameter(name, "enum", description, default=default, options=list(options))


def _text(name: str, description: str, *, required: bool = False) -> Record:
    return parameter(name, "string", description, required=required, default="")


def _flag(name: str, description: str, *, default: bool = False) -> Record:
    return parameter(name, "boolean", description, default=default)


def _seed() -> Record:
    return parameter("seed", "integer", "Random seed", low=0, high=2147483647)


_WIDE = ("16:9", "9:16", "1:1")
_LUMA_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21")


def builtin() -> list[Record]:
    """New copies of all model records, in the order of the list."""
    return [
        model(
            "Luma-Ray2",
            "Luma's flagship video generation model: text-to-video, image-to-video, keyframes and loops, up to 4K.",
            [
                _prompt(),
                _choice("resolution", "Video resolution quality", "720p", "540p", "720p", "1080p", "4k"),
                _choice("duration", "Video length", "5s", "5s", "9s"),
                _choice("aspect_ratio", "Video aspect ratio", *_LUMA_RATIOS[:1], *_LUMA_RATIOS),
                _flag("loop", "Whether video should loop seamlessly"),
                _text("frame0_image", "Start frame image URL for image-to-video"),
                _text("frame1_image", "End frame image URL for image-to-video"),
            ],
            per("second", 142_000),
            kinds=("text", "image", "video"),
            pricing_details="$0.142 per second of video, at every resolution.",
        ),
        model(
            "luma-ray-3-2-generate",
            "Luma Ray 3.2: HDR video from text and keyframes.",
            [
                _prompt(low=1, high=6000),
                _choice("aspect_ratio", "Aspect ratio", *_LUMA_RATIOS[:1], *_LUMA_RATIOS),
                _choice("resolution", "Resolution", "720p", "540p", "720p", "1080p"),
                _choice("duration", "Length", "5s", "5s", "10s"),
                _flag("hdr", "High dynamic range"),
                _flag("loop", "Loop seamlessly"),
                _text("start_frame_url", "URL of the first frame"),
                _text("end_frame_url", "URL of the last frame"),
                _text("start_frame_generation_id", "A generation that ends where this one starts"),
                _text("end_frame_generation_id", "A generation that starts where this one ends"),
            ],
            per("second", 180_000),
            kinds=("text", "image", "video"),
        ),
        model(
            "Veo3",
            "Google's Veo 3: video with sound from text.",
            [
                _prompt(),
                _choice("durationSeconds", "Length in seconds", "8", "8", "6", "4"),
                _choice("aspectRatio", "Aspect ratio", "16:9", "16:9", "9:16"),
                _text("negativePrompt", "What to keep out of the video"),
                _choice("personGeneration", "Whether people may appear", "allow_adult", "allow_adult", "dont_allow"),
                _seed(),
            ],
            per("second", 400_000),
        ),
        model(
            "kling-v3-text-to-video",
            "Kling 3.0: cinematic text-to-video of up to 15 seconds.",
            [
                _prompt(high=2500),
                _text("negative_prompt", "What to keep out of the video"),
                _choice("duration", "Length in seconds", "5", *(str(n) for n in range(3, 16))),
                _choice("aspect_ratio", "Aspect ratio", "16:9", *_WIDE),
                _choice("sound", "Whether sound is made too", "off", "on", "off"),
            ],
            per("request", 840_000),
        ),
        model(
            "wan2.6-t2v",
            "Wan 2.6: text-to-video with sound, priced per video.",
            [
                _prompt(high=1500),
                _choice(
                    "size", "Frame size", "1280*720", "1280*720", "720*1280", "1920*1080", "1080*1920", "1440*1440"
                ),
                parameter("duration", "integer", "Length in seconds", default=5, options=[5, 10, 15]),
                _text("negative_prompt", "What to keep out of the video"),
                _flag("audio", "Whether sound is made too", default=True),
                _seed(),
            ],
            per("video", 500_000),
        ),
        model(
            "pixverse-v5.6-i2v",
            "PixVerse 5.6: brings an image to life.",
            [
                _text("image_url", "URL of the first frame", required=True),
                _prompt("How the image moves"),
                _choice("duration", "Length in seconds", "5", "5", "8", "10"),
                _choice("aspect_ratio", "Aspect ratio", "16:9", *_WIDE, "4:3", "3:4"),
                _choice("quality", "Resolution", "540p", "360p", "540p", "720p", "1080p"),
            ],
            None,
            kinds=("text", "image", "video"),
            pricing_details="From $0.35 to $1.20 a video, by quality and duration; see the pricing page.",
        ),
        model(
            "gemini-2.5-flash-image",
            "Google's fast image model.",
            [_prompt("What to draw"), _choice("aspect_ratio", "Aspect ratio", "1:1", *_LUMA_RATIOS)],
            per("image", 35_000),
            kinds=("text", "image"),
        ),
        model(NO_ACCESS, "Kling for enterprises, by invitation.", [_prompt()], per("second", 300_000)),
        model(PRIVATE, "A private fine-tune.", [_prompt()], per("second", 100_000), title="my-finetune-v2"),
    ]


_FAMILIES = ("seedance", "hailuo", "vidu", "hunyuan", "ltx", "skyreels", "mochi", "cogvideox")


def padding(count: int, rng: random.Random) -> list[str]:
    """Additional model ids: two UUIDs per plausible name, like the several hundred in the live list (P)."""
    ids: list[str] = []
    for number in range(count):
        if number % 3:
            ids.append(str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        else:
            family = _FAMILIES[number // 3 % len(_FAMILIES)]
            ids.append(f"{family}-v{1 + number // 24}-{('t2v', 'i2v', 'pro')[number % 9 // 3]}")
    return ids
