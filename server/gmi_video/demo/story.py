"""The demo's storyboards: for each shot one style line, and then what happens and what the camera does."""

from typing import NamedTuple

SHOTS = range(2, 9)
"""How many shots a story may have, as in the server's prompt `storyboard`."""

NAME = "The fox at the lake"
"""What the demo's own story is called."""

STYLE = "A red fox by a quiet mountain lake, painted in gouache."
"""What all shots of the demo's own story look like."""

_TOLD = (
    "She pricks up her ears: slow push in.",
    "Something stirs in the reeds: the camera orbits right.",
    "She does not move: the camera orbits left.",
    "A branch cracks: handheld.",
    "She holds her breath: slow zoom in.",
    "Did it come from the shore? The camera pans left.",
    "There it is again: the camera pans right.",
    "It was only the wind: slow pull back.",
)
"""What happens in the demo's own story; a shorter one leaves out what comes before the end."""

_MOVES = (
    "slow push in",
    "the camera orbits right",
    "the camera orbits left",
    "handheld",
    "slow zoom in",
    "the camera pans left",
    "the camera pans right",
    "slow pull back",
)
"""What the camera does in a story of the user's own prompt, each move from where the one before it ends."""


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
