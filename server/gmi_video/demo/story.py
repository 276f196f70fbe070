"""The demo's storyboards: for each shot one style line, and then what happens and what the camera does."""

from typing import NamedTuple

SHOTS = range(2, 9)
"""How many shots a story may have, as in the server's prompt `storyboard`."""

NAME = "The fox at the lake"
"""What the demo's own story is called."""

STYLE = "Storybook watercolour, soft dawn light, a small red fox by a mountain lake."
"""What all shots of the demo's own story look like."""

_TOLD = (
    "She wakes and pricks up her ears: slow push in.",
    "Something stirs in the reeds behind her: the camera orbits right.",
    "She looks along the far shore: the camera pans left.",
    "Mist rises from the water: crane up.",
    "She holds her breath: the camera orbits left.",
    "A branch cracks: handheld.",
    "She looks back once more: the camera pans right.",
    "It was only the wind, and the day begins: slow pull back.",
)
"""What happens in the demo's own story; a shorter one leaves out what comes before the end."""

_MOVES = (
    "slow push in",
    "the camera orbits right",
    "the camera pans left",
    "crane up",
    "the camera orbits left",
    "handheld",
    "the camera pans right",
    "slow pull back",
)
"""What the camera does in a story of the user's own prompt; each move can be made from where the one before ends."""


class Story(NamedTuple):
    """What a story is called, the line that all its shots begin with, and how each goes on."""

    name: str
    style: str
    told: tuple[str, ...]

    @property
    def prompts(self) -> list[str]:
        """The prompt of each shot."""
        return [f"{self.style} {each}" for each in self.told]


def story(prompt: str | None, shots: int) -> Story:
    """A story of so many shots (2 to 8): the demo's own, or the user's prompt with a camera move for each shot."""
    if prompt is None:
        return Story(NAME, STYLE, (*_TOLD[: shots - 1], _TOLD[-1]))
    return Story(prompt, f"{prompt.rstrip(' ,.')},", (*_MOVES[: shots - 1], _MOVES[-1]))
