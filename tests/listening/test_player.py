from itertools import pairwise

import numpy as np


def test_loop_keeps_to_its_region(begin):
    _, robot = begin("mushra")
    robot.take(until="t001")
    page = robot.page
    page.get_by_label("Loop starts at").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.wait_for_selector(".stimulus.now")
    seen = page.evaluate(
        """() => new Promise((resolve) => {
            const { player } = Listen.test, seen = [];
            player.addEventListener("tick", () => {
                if (seen.push(player.position) === 40) resolve(seen);
            });
        })"""
    )
    assert min(seen) >= 0.2
    assert any(after < before for before, after in pairwise(seen))
    assert not page.locator(".stimulus .heard").count()  # its beginning was not


# Plays two ramps, whose values tell sound and position, into memory: from 0.2 s on the second one,
# from 0.7 s on the first again, looping over the first 0.4 s.
RENDER = """async () => {
    const rate = 8000, length = 0.6, context = new OfflineAudioContext(1, rate * 1.4, rate);
    const ramp = (low, seconds) => {
        const buffer = new AudioBuffer({ length: rate * seconds, sampleRate: rate });
        buffer.copyToChannel(Float32Array.from({ length: rate * seconds }, (_, i) => {
            return low + (0.2 * i) / rate / length;
        }), 0);
        return buffer;
    };
    const goOn = () => OfflineAudioContext.prototype.resume.call(context);
    context.resume = async () => {};
    const buffers = new Map([["first", ramp(0.2, length)], ["second", ramp(0.6, 0.45)]]);
    const player = new Listen.Player({ context, out: context.destination }, buffers);
    player.close();  // rendering stops and goes on, which is no interruption
    player.setLoop({ on: true, from: 0, to: 0.4 });
    for (let step = 1; step < 70; step += 1) {
        context.suspend(step * 0.02).then(() => {
            player.settle();
            if (step === 10) player.play("second");
            if (step === 35) player.play("first");
            goOn();
        });
    }
    await player.play("first", 0);
    const { plays } = player;
    const wave = Array.from((await context.startRendering()).getChannelData(0));
    player.close();
    return { wave, plays };
}"""


def test_switching_keeps_the_position_and_does_not_click(begin):
    _, robot = begin("abx")
    robot.at()
    wave = np.array(robot.page.evaluate(RENDER)["wave"])
    time = np.arange(len(wave)) / 8000
    position = np.mod(time - 0.01, 0.4)  # s; it begins 10 ms after it was asked to
    second = (time > 0.2) & (time < 0.7)
    expected = np.where(second, 0.6, 0.2) + 0.2 * position / 0.6
    switches = np.abs(time[:, None] - [0, 0.2, 0.41, 0.7, 0.81, 1.21]).min(axis=1)
    steady = switches > 0.04
    np.testing.assert_allclose(wave[steady], expected[steady], atol=1e-3)
    assert np.abs(np.diff(wave)).max() < 0.05  # a jump would be 0.2 or more


def test_a_sound_is_heard_when_all_of_it_was_played(begin):
    _, robot = begin("abx")
    robot.at()
    whole = RENDER.replace("to: 0.4", "to: 0.6")
    assert robot.page.evaluate(RENDER)["plays"] == {}  # the end of neither was played
    assert robot.page.evaluate(whole)["plays"] == {"first": 1}
