"""The headphone check: three tones, of which the quietest is hard to tell over loudspeakers.

One tone sounds in opposite phase at the two ears. Over loudspeakers it cancels in the air and seems
the quietest; over headphones the one that is 6 dB lower does. Listeners are not told how they did:
the analysis decides, so nobody learns to pass.

Source: Woods, Siegel, Traer, McDermott 2017, "Headphone screening to facilitate web-based auditory
experiments", Attention, Perception & Psychophysics 79. The 200 Hz, the 6 dB and the opposite phase
are as excerpts of the paper say; the lengths, all six orders, and five of six to pass are as public
code that follows it says.
"""

from functools import partial
from itertools import permutations

import numpy as np

from tts_compress.listening.building.stimuli import Sound, Sounds, Wave

FREQUENCY = 200.0  # Hz
QUIETER = -6.0  # dB
TONE, GAP, RAMP = 1.0, 0.5, 0.1  # seconds
REQUIRED = 5
CHOICES = ("First", "Second", "Third")


def tones(order: tuple[str, ...], rate: int) -> Wave:
    """Gives three tones ``(samples, 2)``.

    Args:
        order: ``loud``, ``quiet`` and ``opposite``, in the order they are heard.
        rate: Sample rate, Hz.
    """
    n = int(TONE * rate)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(int(RAMP * rate)) / int(RAMP * rate))
    envelope = np.concatenate([rise, np.ones(n - 2 * len(rise)), rise[::-1]])
    tone = 0.5 * envelope * np.sin(2 * np.pi * FREQUENCY * np.arange(n) / rate)
    sides = {
        "loud": (1.0, 1.0),
        "quiet": (10 ** (QUIETER / 20),) * 2,
        "opposite": (1.0, -1.0),
    }
    gap = np.zeros((int(GAP * rate), 2))
    parts = [np.outer(tone, sides[which]) for which in order]
    return np.concatenate([parts[0], gap, parts[1], gap, parts[2]])


def make_check(sounds: Sounds) -> tuple[dict[str, object], dict[str, int]]:
    """Gives what the page of the check needs, and the right choice of each of its trials."""
    trials, right = [], {}
    orders = [*permutations(("loud", "quiet", "opposite"))]
    sounds.chance.shuffle(orders)
    for number, order in enumerate(orders, 1):
        sound = Sound(partial(tones, order, sounds.rate), sounds.rate)
        audio = sounds.add(sound, "tones", "tool")
        trials.append({"id": str(number), "audio": audio, "choices": [*CHOICES]})
        right[str(number)] = order.index("quiet")
    return {"trials": trials, "required": REQUIRED}, right
