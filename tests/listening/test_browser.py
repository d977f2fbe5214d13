import pytest

from tests.listening.forms import SCRIPT, stored
from tests.listening.robot import Robot

UNRATED = "\N{EN DASH}"
# What requests wait for passes when a test says so.
WAITS = """window.waits = [];
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  waits.push([ms, controller]);
  return controller.signal;
};"""


# A phone of 360 pixels for two of them.
@pytest.mark.parametrize(
    ("kind", "width"),
    [("mushra", 360), ("abx", 1000), ("ab", 1000), ("acr", 1000), ("dcr", 360), ("cmos", 1000)],
)
def test_whole_test(kind, width, begin):
    folder, robot = begin(kind, width)
    assert SCRIPT in robot.page.locator("h1").inner_text()
    robot.take()
    assert robot.page.locator(".code").input_value()
    assert stored(folder) == robot.entered
    assert stored(folder, done=False) == {}
    robot.page.reload()
    assert robot.at()[1] == "finish"


def test_offline_crash_and_reload(begin):
    folder, robot = begin("mushra")
    robot.take(until="t001")
    page, context = robot.page, robot.page.context
    page.keyboard.press("1")
    page.wait_for_selector(".rating:focus")  # the sound plays: its rating can be moved
    page.keyboard.press("End")
    page.wait_for_selector("#status.saved >> text=saved")
    context.set_offline(True)
    page.keyboard.press("2")
    page.wait_for_selector(".stimulus.now >> nth=0 >> text=B")
    page.wait_for_selector(".rating:focus")
    page.keyboard.press("PageUp")
    page.wait_for_selector("#status.offline")
    assert list(stored(folder, done=False)["t001"]["ratings"].values()) == [100]
    address = page.url
    page.close(run_before_unload=False)  # as if it had crashed
    context.set_offline(False)
    robot.page = context.new_page()
    robot.page.goto(address)
    assert robot.at()[0] == "t001"
    numbers = robot.page.locator(".stimulus output").all_inner_texts()
    assert numbers[0] == "100"
    assert 5 <= int(numbers[1]) <= 20
    assert set(numbers[2:]) == {UNRATED}
    robot.take(until="t002")
    robot.entered["t002"] = robot.trial(0)
    context.set_offline(True)
    robot.go_on()  # on to the questions without the server
    robot.page.wait_for_selector("#status.offline")
    assert "t002" not in stored(folder)
    context.set_offline(False)
    robot.page.wait_for_selector("#status.saved >> text=saved")
    assert stored(folder)["t002"] == robot.entered["t002"]
    robot.take()
    robot.page.wait_for_selector(".code")
    assert stored(folder) == robot.entered


def test_what_was_entered_last_counts_with_two_devices(build_from_tones, run_server, new_page):
    folder = build_from_tones("acr")
    address, app = run_server(folder)
    link = f"{address}/t/{app.state.store.join().result()}"
    robots = [Robot(new_page()) for _ in range(2)]
    for robot in robots:
        robot.page.goto(link)
        robot.at()
    for _ in range(2):
        robots[0].page.get_by_role("checkbox").check()
        robots[0].page.get_by_role("checkbox").uncheck()
    robots[0].page.wait_for_selector("#status.saved >> text=saved")
    assert stored(folder, done=False) == {"consent": {"agreed": False}}
    robots[1].page.get_by_role("checkbox").check()  # two revisions against four
    robots[1].go_on()
    robots[1].page.wait_for_selector("#status.saved >> text=saved")
    assert stored(folder) == {"consent": {"agreed": True}}


def test_only_what_plays_can_be_rated(begin):
    _, robot = begin("mushra")
    robot.take(until="t001")
    page, sliders = robot.page, robot.page.locator(".rating")
    assert all(slider.is_disabled() for slider in sliders.all())
    sliders.nth(0).click(force=True)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("r")
    page.wait_for_selector(".transport .sound.playing")
    assert all(slider.is_disabled() for slider in sliders.all())
    page.keyboard.press("2")
    page.wait_for_selector(".rating:focus")
    assert [slider.is_enabled() for slider in sliders.all()].index(True) == 1
    sliders.nth(0).click(force=True)
    assert set(page.locator(".stimulus output").all_inner_texts()) == {UNRATED}
    assert page.locator(".playing").count() == 1
    robot.next.click(force=True)
    assert robot.at()[0] == "t001"
    assert "to the end" in page.locator("#missing").inner_text()
    page.get_by_label("Loop", exact=True).uncheck()
    page.wait_for_selector(".playing", state="detached")
    assert all(slider.is_disabled() for slider in sliders.all())


def test_a_page_stays_done_when_a_sound_was_heard_whole_just_then(begin):
    folder, robot = begin("mushra")
    robot.take(until="t001")
    robot.entered["t001"] = robot.trial(0)
    robot.page.wait_for_selector(".stimulus.now")
    # As in a busy browser: nobody has noted yet that the sound was heard whole once more.
    robot.page.evaluate("clearInterval(Listen.test.player.ticking)")
    robot.page.wait_for_function(
        "({context, settled, length}) => context.currentTime > settled + 2 * length",
        arg=robot.page.evaluate_handle("Listen.test.player"),
    )
    robot.go_on()
    robot.page.wait_for_selector("#status.saved >> text=saved")
    assert stored(folder)["t001"] == robot.entered["t001"]


def test_sounds_may_take_longer_than_answers(begin):
    _, robot = begin("acr")
    page, held = robot.page, []
    page.add_init_script(WAITS)
    page.route("**/audio/*", lambda route: held.append(route))
    with page.expect_request("**/audio/*"):  # of what comes next
        page.reload()
    robot.at()
    page.get_by_role("checkbox").check()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Loading the sound.")
    page.evaluate("waits.forEach(([ms, controller]) => ms <= 15_000 && controller.abort())")
    for route in [*held]:
        route.continue_()
    page.wait_for_selector(".sound")
    assert len({route.request.url for route in held}) == len(held)


def test_no_choice_before_all_was_heard(begin):
    _, robot = begin("abx")
    robot.take(until="t001")
    assert robot.page.get_by_role("radio", name="X is A").is_disabled()
    robot.page.keyboard.press("1")
    robot.page.keyboard.press("Enter")
    assert robot.at()[0] == "t001"
    assert robot.page.locator("#missing").inner_text() == "Play A, B and X to the end."


def test_focus_goes_through_a_page_in_order(begin):
    _, robot = begin("ab")
    robot.take(until="t001")
    focused = "document.activeElement.textContent.trim() || document.activeElement.type"
    assert robot.page.evaluate(focused) == "Sentence 1 of 2"
    seen = []
    for _ in range(4):
        robot.page.keyboard.press("Tab")
        seen.append(robot.page.evaluate(focused))
    assert seen == ["Reference", "A", "B", "Next"]


def test_admin_makes_links_and_sees_progress(build_from_tones, run_server, new_page):
    folder = build_from_tones("acr")
    address, _ = run_server(folder)
    page = new_page(http_credentials={"username": "admin", "password": "password"})
    page.goto(f"{address}/admin")
    page.get_by_label("New links").fill("2")
    page.get_by_role("button", name="Make links").click()
    page.wait_for_selector("tbody tr >> nth=1")
    assert SCRIPT in page.locator("h1").inner_text()
    assert "Not begun" in page.locator("tbody tr").first.inner_text()
    link = page.get_by_label("Link of listener 1").input_value()
    assert link.startswith(f"{address}/t/")
    assert page.evaluate("window.broken") is None
