"""A listener who takes a test in a browser as people do, and remembers what was entered."""

HEARD = 10_000  # ms until a sound must have been heard
COMMENT = "<img src=x onerror='window.broken = 1'> & more"
# What a screen reader could not name: fields without a label, buttons without words.
UNNAMED = """[...document.querySelectorAll("input, textarea, button, progress, fieldset")].filter(
    (node) => !node.labels?.length && !node.ariaLabel && !node.textContent.trim()
).map((node) => node.outerHTML)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Robot:
    """Answers the pages of a test.

    Attributes:
        page: Playwright's page, where the test is open.
        entered: Values of every page so far, by its id.
    """

    def __init__(self, page):
        self.page = page
        self.entered = {}

    @property
    def main(self):
        return self.page.locator("main")

    @property
    def next(self):
        return self.page.locator("#next")

    def at(self):
        """Waits for the page to be ready and gives its id and type."""
        self.page.wait_for_selector("#actions:not([hidden]), .ending")
        assert self.page.evaluate(UNNAMED) == []
        assert self.page.evaluate(WIDER) <= 0  # nothing to scroll sideways
        assert self.page.evaluate("window.broken") is None
        return self.main.get_attribute("data-page"), self.main.get_attribute("class").split()[0]

    def go_on(self, press=False):
        before, _ = self.at()
        self.page.wait_for_selector("#next[aria-disabled=false]", timeout=HEARD)
        self.page.keyboard.press("Enter") if press else self.next.click()
        self.page.wait_for_selector(f"main:not([data-page={before}])")
        return self.at()

    def take(self, until="finish"):
        """Answers page after page until one of this type or id."""
        id, type = self.at()
        while until not in (id, type):
            self.entered[id] = getattr(self, type)(len(self.entered))
            id, type = self.go_on()

    def text(self, turn):
        return {}

    def consent(self, turn):
        self.page.get_by_role("checkbox").check()
        return {"agreed": True}

    def volume(self, turn):
        self.page.get_by_label("Volume").fill("0.4")
        self.page.locator(".sound").click()
        self.page.wait_for_selector(".sound.heard", timeout=HEARD)
        return {"volume": 0.4}

    def headphones(self, turn):
        self.hear_all()
        groups = self.page.locator("fieldset")
        for i in range(groups.count()):
            groups.nth(i).locator("input").nth(i % 3).check()
        return {"choices": self.choices_by_trial(groups.count())}

    def choices_by_trial(self, n):
        """The page does not show the trials' names; its session has them in the order shown."""
        trials = self.page.evaluate(
            "Listen.test.session.pages.find(({type}) => type === 'headphones').trials"
        )
        return {trial["id"]: i % 3 for i, trial in enumerate(trials[:n])}

    def questionnaire(self, turn):
        answers = {"words": "Zoë <b>& Söhne</b>", "age": 37, "device": "Earphones"}
        self.page.get_by_label("A word").fill(answers["words"])
        self.page.get_by_label("Age").fill("37")
        self.page.get_by_role("radio", name="Earphones").check()
        for name in ("Rock", "Jazz"):
            self.page.get_by_role("checkbox", name=name).check()
        self.page.get_by_label("Remarks").fill("one\ntwo")
        return {"answers": answers | {"music": ["Rock", "Jazz"], "remarks": "one\ntwo"}}

    def trial(self, turn):
        kind = self.main.get_attribute("class").split()[1]
        return getattr(self, kind)(turn)

    def hear_all(self):
        """Plays one sound after another to its end."""
        buttons = self.page.locator(".sound")
        for i in range(buttons.count()):
            if "heard" not in buttons.nth(i).get_attribute("class"):
                buttons.nth(i).click()
                self.page.wait_for_selector(f".sound.heard >> nth={i}", timeout=HEARD)

    def mushra(self, turn):
        """Rates by keyboard on even turns, by mouse on odd ones."""
        ratings = {}
        if self.page.get_by_role("button", name="Play the reference").count():
            self.page.keyboard.press("r")
            self.page.wait_for_selector(".transport .sound.heard", timeout=HEARD)
        for i in range(self.page.locator(".stimulus").count()):
            column = self.page.locator(".stimulus").nth(i)
            id = column.locator(".sound").get_attribute("data-sound")
            if turn % 2:
                column.locator(".sound").click()
                self.page.wait_for_selector(f".stimulus.now [data-sound='{id}']")
                box = column.locator("input").bounding_box()
                high = box["height"] > box["width"]
                at = {"x": box["width"] * (0.5 if high else 0.7), "y": box["height"] * 0.5}
                column.locator("input").click(position=at)
                ratings[id] = int(column.locator("output").inner_text())
                assert 30 <= ratings[id] <= 75
            else:
                self.page.keyboard.press(str(i + 1))
                self.page.wait_for_selector(".stimulus.now input:focus")
                self.page.keyboard.press("End")
                for _ in range(i + 1):
                    self.page.keyboard.press("ArrowDown")
                ratings[id] = 99 - i
            self.page.wait_for_selector(f".heard[data-sound='{id}']", timeout=HEARD)
        return {"ratings": ratings}

    def choose(self, turn):
        """Hears all and takes one choice, by mouse or keyboard; gives its place."""
        self.hear_all()
        choices = self.page.get_by_role("radio")
        n = choices.count()
        if turn % 2:
            self.page.locator(".choice").nth(turn % n).click()
        else:
            choices.first.focus()
            self.page.keyboard.press("Space")
            for _ in range(turn % n):
                self.page.keyboard.press("ArrowDown")
        assert choices.nth(turn % n).is_checked()
        return turn % n

    def abx(self, turn):
        ids = self.sounds()
        return {"choice": ids[self.choose(turn)]}

    def ab(self, turn):
        ids = self.sounds()
        ids = ids[1:] if self.page.locator(".sound", has_text="Reference").count() else ids
        return {"choice": [*ids, "none"][self.choose(turn)]}

    def acr(self, turn):
        rating = 5 - self.choose(turn)
        self.page.get_by_label("Comment").fill(COMMENT)
        return {"ratings": {self.sounds()[0]: rating}, "comment": COMMENT}

    def dcr(self, turn):
        rated = self.shown()["stimuli"][0]["id"]
        return {"ratings": {rated: 5 - self.choose(turn)}}

    def cmos(self, turn):
        rated = self.shown()["stimuli"][1]["id"]
        return {"ratings": {rated: 3 - self.choose(turn)}}

    def sounds(self):
        buttons = self.page.locator(".sound")
        return [buttons.nth(i).get_attribute("data-sound") for i in range(buttons.count())]

    def shown(self):
        """The page that is shown, as the session has it."""
        return self.page.evaluate("Listen.test.shown.page")
