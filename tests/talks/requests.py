"""The sixteen kinds of request, each as a good assistant answers it by following the words it reads."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from PIL import Image

from gmi_video.simulator import Script

from .assistant import Assistant
from .reading import options_in, setting_in

Course = Callable[[Assistant], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request, and what answering it must come to.

    Attributes:
        name: for the command line and the tests.
        kind: the row's first cell.
        points: which points of "what assistants stumbled over" it shows.
        calls: tool calls.
        submits: jobs that are made, and paid.
        usd: what they cost together.
        host: the host's `clientInfo.name`.
        course: the conversation.
    """

    name: str
    kind: str
    points: str
    calls: int
    submits: int
    usd: float
    host: str
    course: Course


REQUESTS: list[Request] = []

FOX = "A red fox trots through fresh snow at dawn, camera pans right, soft golden light"


def request(
    kind: str, *, points: str, calls: int, submits: int = 0, usd: float = 0, host: str = "claude-code"
) -> Callable[[Course], Course]:
    """Enter the decorated course among the requests; by default in a host that waits without limit."""

    def enter(course: Course) -> Course:
        REQUESTS.append(Request(course.__name__, kind, points, calls, submits, usd, host, course))
        return course

    return enter


@request("Make a video", points="2, 7", calls=1, submits=1, usd=0.71)
async def make(a: Assistant) -> None:
    a.world.sim.script("Luma-Ray2", Script.takes(70))
    await a.connect()
    a.user("Make me a video of a fox in the snow.")
    await a.call("generate_video", "Make a video from a prompt", prompt=FOX)
    a.tells("The video is ready", "](http", "took 70 s", "about $0.71")
    a.is_done("Show the user the link")


@request("Start it, tell me later", points="1, 2, 3", calls=2, submits=1, usd=0.71)
async def start(a: Assistant) -> None:
    for number in range(3):
        a.earlier(f"A paper boat, take {number}", days=2 + number)
    a.world.sim.script("Luma-Ray2", Script.takes(70))
    await a.connect()
    a.user("Start a video of a fox in the snow. I'll ask for it later.")
    made = await a.call("generate_video", "Wait until it is done", prompt=FOX, wait=False)
    a.tells(made["request_id"], "usually about 70 s", "about $0.71")
    a.is_done("tell them the id")
    await a.later(300)
    a.user("Is it ready?")
    await a.follow("looks it up later", made)
    a.tells("The video is ready", "](http")
    a.is_done("Show the user the link")


@request("How are my videos?", points="2, 3", calls=1)
async def how_are_they(a: Assistant) -> None:
    for number in range(3):
        a.earlier(f"A paper boat, take {number}", days=2 + number)
    a.earlier("A famous singer on a stage", days=1, took=4, error="Prompt failed content moderation")
    a.earlier("Rain on a tin roof", days=0.0005, took=90, model="Veo3", durationSeconds="4")
    await a.connect()
    a.user("How are my videos?")
    await a.call("list_requests", '"How are my videos?" is list_requests alone')
    a.tells("3 ready", "1 being made", "1 failed", "about $4.44", "counting those that were not made")
    assert a.answer["requests"][1]["error"] == "Prompt failed content moderation"
    a.is_done("Answer the user from these rows")


@request("Several videos at once", points="1, 2", calls=6, submits=3, usd=2.13)
async def several(a: Assistant) -> None:
    a.world.sim.script("Luma-Ray2", Script.takes(70))
    await a.connect()
    a.user("Make three clips: a fox, an owl and a deer in the snow. Give me all three.")
    prompts = [FOX, FOX.replace("red fox trots", "snowy owl glides"), FOX.replace("red fox trots", "deer walks")]
    made = [await a.call("generate_video", "For several videos submit each", prompt=prompts[0], wait=False)]
    made += [
        await a.call("generate_video", "Submit the user's other videos now", prompt=prompt, wait=False)
        for prompt in prompts[1:]
    ]
    a.reads("then wait for each")
    for answer in made:
        await a.follow("looks it up later", answer, wait=True)
        a.tells("The video is ready")


@request("What would it cost, for a dollar at most?", points="1, 2", calls=2, submits=1, usd=0.71)
async def cost_and_budget(a: Assistant) -> None:
    await a.connect()
    a.user("What would nine seconds in 4k of a fox in the snow cost? I want to spend a dollar at most.")
    nine = {"prompt": FOX, "resolution": "4k", "duration": "9s", "max_cost_usd": 1}
    a.reads("The user's budget for this video")
    await a.call("generate_video", "dry_run tells the exact price", **nine, dry_run=True)
    a.tells("about $1.28", "above the budget of $1.00", "5 s instead of 9 s, about $0.71", "Nothing was sent")
    a.is_done("only as they decide")
    a.user("Five seconds then.")
    await a.call("generate_video", "5 s instead of 9 s", **nine | {"duration": "5s"})
    a.tells("The video is ready", "about $0.71")
    assert a.world.sim.jobs[0].payload["resolution"] == "4k"


@request("A price above GMI_CONFIRM_ABOVE_USD", points="2, 5", calls=2, submits=1, usd=1.278, host="cursor-vscode")
async def a_threshold(a: Assistant) -> None:
    await a.connect(GMI_CONFIRM_ABOVE_USD="1")
    a.user("Nine seconds of a fox in the snow.")
    await a.call("generate_video", "Make a video from a prompt", prompt=FOX, duration="9s")
    a.tells("about $1.28", "Above $1.00", "5 s instead of 9 s, about $0.71", "Nothing was submitted")
    a.user("Yes, nine seconds are worth it.")
    await a.follow("If they agree")
    a.tells("The video is ready", "about $1.28")


@request("A prompt that moderation refuses", points="1, 6", calls=2, submits=2, usd=1.42)
async def moderation(a: Assistant) -> None:
    refused = Script.fails(3, "Prompt failed content moderation: real person")
    a.world.sim.script("Luma-Ray2", lambda number: refused if number == 1 else Script.takes(70))
    await a.connect()
    a.user("A famous singer on a stage.")
    await a.call("generate_video", "Make a video from a prompt", prompt="A famous singer on a stage")
    a.tells("was not made", "real person", "may still have cost about $0.71")
    a.is_done("only when they agree to pay for another try")
    a.user("Then any singer, nobody real.")
    await a.call("generate_video", "Offer a reworded prompt", prompt="A singer with silver hair on a stage, push in")
    a.tells("The video is ready")


@request("A picture in a folder that is not allowed yet", points="5, 6", calls=2, submits=1, usd=0.71)
async def a_picture(a: Assistant) -> None:
    Image.new("RGB", (640, 360), "orange").save(a.folder / "fox.png")
    await a.connect()
    a.user("Bring the picture fox.png in my Pictures to life.")
    picture = str(a.folder / "fox.png")
    await a.call("generate_video", "the image that the video starts with", prompt=FOX, frame0_image=picture)
    a.tells("fox.png", "no folder is set yet", "Nothing was sent")
    a.is_done("Don't make the video without this image")
    a.user("I have put that line there and restarted you.")
    await a.connect(GMI_IMAGE_DIRS=setting_in(a.answer["next_step"], "GMI_IMAGE_DIRS"))
    a.reads("the absolute path of a file in")
    await a.follow("make the same call again")
    a.tells("The video is ready")
    assert a.world.sim.jobs[0].images.keys() == {"frame0_image"}


@request("A loop with an end frame", points="1, 6", calls=2, submits=1, usd=0.71)
async def a_loop(a: Assistant) -> None:
    picture = BytesIO()
    Image.new("RGB", (640, 360), "orange").save(picture, "PNG")
    a.world.sim.web["https://example.com/end.png"] = picture.getvalue()
    await a.connect()
    a.user("An endless loop of a fox in the snow that ends with https://example.com/end.png. What happens then?")
    loop = partial(a.call, prompt=FOX, loop=True, frame1_image="https://example.com/end.png")
    await loop("generate_video", "Check and price it and show the exact payload", dry_run=True)
    a.tells("loop", "not document", "about $0.71")
    a.user("Try it.")
    await a.follow('without "dry_run"')
    a.tells("The video is ready", "not document")


@request("A length that does not exist, and a misspelt argument", points="5, 6", calls=2, submits=1, usd=1.278)
async def seven_seconds(a: Assistant) -> None:
    await a.connect()
    a.user("Seven seconds of a fox in the snow, upright.")
    refused = await a.call("generate_video", "Make a video from a prompt", prompt=FOX, duration="7s", ratio="9:16")
    a.reads('The nearest is "aspect_ratio"')
    a.reads("take the nearest that is not less")
    nearest_not_less = options_in(refused["summary"], "duration")[-1]
    await a.call("generate_video", "Correct the arguments", prompt=FOX, duration=nearest_not_less, aspect_ratio="9:16")
    a.reads("say what you changed")
    a.tells("The video is ready", "about $1.28")


@request("One with sound, by another model", points="4, 6", calls=3, submits=1, usd=1.6)
async def with_sound(a: Assistant) -> None:
    await a.connect()
    a.user("Four seconds with sound: rain on a tin roof. Which Veo is there, and what does it cost?")
    await a.call("list_models", "needs what it lacks (sound", search="veo")
    a.tells("1 model matches", "$0.40 per second")
    a.user("Make it with that.")
    await a.follow("Call generate_video with", prompt="Rain on a tin roof", model_parameters={"durationSeconds": "4"})
    a.tells("costs about $1.60", "Nothing was sent")
    await a.follow('without "dry_run"')
    a.tells("The video is ready", "about $1.60")


@request("Which model can do it? The cheapest, please", points="2, 4", calls=3, submits=1, usd=0.5)
async def which_model(a: Assistant) -> None:
    await a.connect()
    a.user("Which models make ten seconds with sound from a text, and which of them costs least?")
    await a.call("list_models", '"image to video"', search="text to video")
    a.tells("3 models match")
    suitable = {line.partition(":")[0]: line for line in a.answer["details"] if "; sound;" in line}
    assert {name: line.rpartition("; ")[2] for name, line in suitable.items()} == {
        "kling-v3-text-to-video": "$0.84 per request",
        "wan2.6-t2v": "$0.50 per video",
    }
    assert "5, 10 or 15 s" in suitable["wan2.6-t2v"]
    a.user("Rain on a tin roof, with the cheaper one.")
    await a.follow("or another of these ids", model="wan2.6-t2v")
    # The price per video is known by now, so that there is no need to see it first.
    ten = {"duration": 10}
    await a.follow("Call generate_video with", prompt="Rain on a tin roof", model_parameters=ten, dry_run=False)
    a.tells("The video is ready", "about $0.50")


@request("The earlier one with the fox, and another take of it", points="3, 6", calls=2, submits=1, usd=0.71)
async def another_take(a: Assistant) -> None:
    prompt = f"{FOX}, its breath visible in the cold air, 35 mm film, shallow depth of field"
    a.earlier("A paper boat on a pond", days=2)
    a.earlier(prompt, days=1, aspect_ratio="9:16")
    a.earlier("A city at night, aerial", days=3)
    await a.connect()
    a.user("I made a video with a fox some days ago. Show it to me.")
    await a.call("list_requests", "to find earlier ones, list_requests", search="fox")
    a.tells("1 video", "fox", "1 ready", "about $0.71")
    (row,) = a.answer["requests"]
    a.user("Make another take of it.")
    settings = dict(setting.split(" ", 1) for setting in row["settings"].split(", "))
    take = {"prompt": row["prompt"], **settings, "allow_duplicate": True}
    await a.call("generate_video", "Make another take of the same video, paid again", **take)
    a.tells("The video is ready", "about $0.71")
    (job,) = a.world.sim.jobs
    assert (job.payload["prompt"], job.payload["aspect_ratio"]) == (prompt, "9:16")


@request("Does it show what I asked for?", points="1, 7", calls=2, submits=1, usd=0.71)
async def does_it_show(a: Assistant) -> None:
    a.world.sim.behave(film_seconds=1)
    await a.connect()
    a.user("Make me a video of a fox in the snow.")
    made = await a.call("generate_video", "Make a video from a prompt", prompt=FOX)
    a.tells("The video is ready")
    a.user("Does it show what I asked for?")
    a.reads("See so many frames of the finished video")
    await a.call(
        "get_status", "to check it against the wish", request_id=made["request_id"], frames=a.allowed("frames")
    )
    assert a.pictures == 1
    a.tells("The picture shows 8 frames, at 0, ", "](http")
    a.is_done("tell them where it differs")


@request("And then she turns around", points="1, 2", calls=2, submits=2, usd=1.42)
async def she_turns(a: Assistant) -> None:
    a.world.sim.behave(film_seconds=1)
    await a.connect()
    a.user("Make me a video of a woman at a window, looking out into the rain.")
    woman = "A woman with grey hair stands at a window and looks out into the rain, static, soft light"
    made = await a.call("generate_video", "Make a video from a prompt", prompt=woman)
    a.tells("The video is ready")
    a.user("And then she turns around.")
    frame = a.address_in("to go on from a finished video", request_id=made["request_id"])
    turns = woman.replace("looks out into the rain", "turns around to the camera")
    await a.call("generate_video", "to go on from a finished video", prompt=turns, frame0_image=frame)
    a.tells("The video is ready", "](http", "about $0.71")
    a.is_done("Show the user the link")
    assert a.world.sim.jobs[1].images.keys() == {"frame0_image"}


@request("A render that outlasts the host's limit", points="1", calls=4, submits=1, usd=0.71, host="an unknown host")
async def outlasts(a: Assistant) -> None:
    a.world.sim.script("Luma-Ray2", Script.takes(150))
    await a.connect()
    a.user("Make me a video of a fox in the snow.")
    await a.call("generate_video", "Make a video from a prompt", prompt=FOX)
    await a.follow("to wait on")
    await a.follow("to wait on")
    a.tells("is being made")
    a.is_done("Tell the user that it is not ready yet")
    a.user("I'll wait.")
    await a.follow("Only if they want to wait on")
    a.tells("The video is ready")
