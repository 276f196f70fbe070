"""What people write into a configuration by mistake is named before anything is sent: another name, a placeholder."""

import pytest

from gmi_video.settings import Settings
from gmi_video.variables import VARIABLES

from .conftest import KEY, World

pytestmark = pytest.mark.anyio

# -- another name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "nearest"),
    [
        ("GMI_SPENDING_LIMIT_USD", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_SPEND_LIMIT", "1", "GMI_SPEND_LIMIT_USD"),
        ("gmi_spend_limit_usd", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_SPEND_LIMIT_USD ", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_SPEND-LIMIT-USD", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_BUDGET", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_MAX_COST_USD", "1", "GMI_SPEND_LIMIT_USD"),
        ("GMI_CONFIRM_ABOVE", "1", "GMI_CONFIRM_ABOVE_USD"),
        ("GMI_IMAGE_DIR", "/pictures", "GMI_IMAGE_DIRS"),
        ("GMI_WAIT_SECONDS", "50", "GMI_MAX_WAIT_SECONDS"),
        ("GMI_LEDGER", "none", "GMI_LEDGER_URL"),
        ("GMI_LOGLEVEL", "DEBUG", "GMI_LOG_LEVEL"),
        ("GMI_ORG", "acme", "GMI_ORG_ID"),
    ],
)
async def test_a_misspelt_setting_stops_every_call_with_the_nearest_name_and_without_its_value(
    world: World, era: str, name: str, value: str, nearest: str
) -> None:
    world.environment.pop(nearest, None)
    world.environment[name] = value
    # The ledger of the world is under its right name, but where that is what was misspelt.
    settings = Settings.from_environment(world.environment)
    (problem,) = settings.problems
    assert problem.startswith(f"{name.strip()} is not a setting of this server")
    assert nearest in problem
    assert settings.warnings == ()
    if nearest != "GMI_LEDGER_URL":
        async with world.host(era=era) as host:
            refused = await host.call_error("generate_video", prompt="a fox")
        assert problem in refused["error"]["message"]
        assert "restart" in refused["next_step"]
    assert world.sim.calls == []


@pytest.mark.parametrize("name", ["GMI_APIKEY", "gmi_api_key", "GMI_CLOUD_API_KEY", "GMI_CLOUD_APIKEY", "GMIAPIKEY"])
async def test_a_key_under_another_name_is_found_and_not_shown(world: World, name: str) -> None:
    del world.environment["GMI_API_KEY"]
    world.environment[name] = KEY
    async with world.host() as host:
        refused = await host.call_error("list_models")
    assert "GMI_API_KEY is not set" in refused["summary"]
    assert f"{name} is not a setting of this server; the nearest is GMI_API_KEY." in refused["summary"]
    assert KEY not in str(refused)
    assert world.sim.calls == []


async def test_variables_of_other_programs_for_the_same_vendor_are_ignored_with_a_warning(world: World) -> None:
    # The vendor's own SDK reads the first four; public programs for its chat models read the others.
    others = {
        "GMI_CLOUD_CLIENT_ID": "ie",
        "GMI_CLOUD_EMAIL": "me@example.com",
        "GMI_CLOUD_PASSWORD": "must-not-leak",
        "GMI_CLOUD_API_KEY": "must-not-leak",
        "GMI_MODEL": "kimi",
        "GMI_TTS_MODEL": "speech",
        "GMI_SERVING_API_KEY": "must-not-leak",
        "GMI_API_URL": "https://example.com",
        "GMI_REGION": "us",
    }
    settings = Settings.from_environment(world.environment | others)
    assert settings.problems == ()
    assert [warning.partition(" ")[0] for warning in settings.warnings] == sorted(others)
    assert "must-not-leak" not in str(settings)
    world.environment |= others
    async with world.host() as host:
        await host.call_ok("list_models")


async def test_a_near_name_beside_the_right_one_is_ignored_with_a_warning_unless_it_is_about_money(
    world: World,
) -> None:
    both = {"GMI_LOG_LEVEL": "INFO", "GMI_LOGLEVEL": "DEBUG", "GMI_SPEND_LIMIT_USD": "50", "GMI_SPEND_LIMIT": "1"}
    settings = Settings.from_environment(world.environment | both)
    assert [problem.partition(" ")[0] for problem in settings.problems] == ["GMI_SPEND_LIMIT"]
    assert [warning.partition(" ")[0] for warning in settings.warnings] == ["GMI_LOGLEVEL"]


@pytest.mark.parametrize("value", ["", "  ", "${user_config.limit}"])
async def test_a_misspelt_setting_without_a_value_is_none(world: World, value: str) -> None:
    settings = Settings.from_environment(world.environment | {"GMI_SPENDING_LIMIT_USD": value})
    assert (settings.problems, settings.warnings) == ((), ())


async def test_names_that_only_begin_with_the_same_letters_are_nobodys_business_here(world: World) -> None:
    others = {"GMIC_PATH": "/usr", "GMIN": "1", "AGMI_API_KEY": "x", "SPEND_LIMIT_USD": "1"}
    settings = Settings.from_environment(world.environment | others)
    assert (settings.problems, settings.warnings) == ((), ())


async def test_no_setting_is_unknown_and_none_is_taken_for_another(world: World) -> None:
    every = dict.fromkeys((variable.name for variable in VARIABLES), "1") | world.environment
    settings = Settings.from_environment(every)
    assert not any("is not a setting" in said for said in settings.problems + settings.warnings)


async def test_ten_thousand_unknown_variables_make_a_short_answer(world: World) -> None:
    world.environment |= {f"GMI_{'COST' * 500}_{number}\x1b[2J": "1" for number in range(10_000)}
    async with world.host() as host:
        refused = await host.call_error("list_models")
    assert len(refused["summary"]) < 5000
    assert "\x1b" not in refused["summary"]


# -- a placeholder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "left",
    [
        "YOUR-GMI-CLOUD-API-KEY",
        "your-api-key",
        "your_api_key_here",
        "YOUR_KEY",
        "Your API key",
        "yourApiKey",
        "<key>",
        "<your-gmi-api-key>",
        "<YOUR API KEY>",
        "[API KEY]",
        "{{GMI_API_KEY}}",
        "(insert key)",
        "paste your key here",
        "REPLACE_ME",
        "changeme",
        "api-key",
        "tbd",
        "null",
        "$GMI_API_KEY",
        "$env:GMI_API_KEY",
        "%GMI_API_KEY%",
        "sk-...",
        "eyJhbGciOi...",
        "eyJhbGciOi…",
        "gmi-xxxxxxxx",
        "xxx",
        "XXXX-XXXX-XXXX",
        "********",
        "eyJh****Tvb0",
        "Bearer YOUR-GMI-CLOUD-API-KEY",
    ],
)
async def test_a_placeholder_left_for_a_key_is_named_as_that_before_anything_is_sent(
    world: World, era: str, left: str
) -> None:
    async with world.host(era=era, GMI_API_KEY=left) as host:
        for tool, given in (("generate_video", {"prompt": "a fox"}), ("list_models", {})):
            refused = await host.call_error(tool, **given)
            assert "GMI_API_KEY still holds a placeholder" in refused["summary"]
            assert "`env` block" in refused["next_step"]
    assert world.sim.calls == []


@pytest.mark.parametrize("left", ["${GMI_API_KEY}", "${user_config.api_key}", "Bearer ${KEY}", "${env:GMI_API_KEY}"])
async def test_a_variable_that_the_host_did_not_replace_is_named_as_that(world: World, era: str, left: str) -> None:
    async with world.host(era=era, GMI_API_KEY=left) as host:
        refused = await host.call_error("list_models")
    assert "GMI_API_KEY is not set: it holds a placeholder" in refused["summary"]
    assert "has not replaced" in refused["summary"]
    assert world.sim.calls == []


async def test_a_key_in_brackets_is_not_shown(world: World) -> None:
    async with world.host(GMI_API_KEY=f"<{KEY}>") as host:
        refused = await host.call_error("list_models")
    assert "without brackets" in refused["summary"]
    assert KEY not in str(refused)


@pytest.mark.parametrize(
    "key",
    [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJpZCI6IjEyMyJ9" * 10 + ".c2lnbmF0dXJlLW9mLWEta2V5",
        "sk-proj-4f9a1c",
        "gmi_live_0123456789abcdef",
        "simulated-key",
        "test",
        "k",
        "550e8400-e29b-41d4-a716-446655440000",
        "xx",
        "your-mother-keys-in",
        "KEYX7",
    ],
)
async def test_a_key_of_an_unknown_form_is_sent_as_it_is(key: str) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": key})
    assert (settings.api_key, settings.problems) == (key, ())


async def test_a_placeholder_left_for_the_organization_is_named(world: World) -> None:
    async with world.host(GMI_ORG_ID="YOUR-ORG-ID") as host:
        refused = await host.call_error("list_models")
    assert "GMI_ORG_ID still holds a placeholder" in refused["summary"]
    assert world.sim.calls == []
