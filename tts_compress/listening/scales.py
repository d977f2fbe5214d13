"""What each kind of test asks, and the scale its listeners answer on."""

from typing import Any

from tts_compress.listening.built import Kind

QUESTIONS: dict[Kind, str] = {
    "mushra": "How close does each version sound to the reference?",
    "abx": "Is X the same as A, or the same as B?",
    "ab": "Which one do you prefer?",
    "acr": "How good does this speech sound?",
    "dcr": "How does the second sound, compared to the reference?",
    "cmos": "How does the second sound, compared to the first?",
}


def _scale(low: int, high: int, labels: dict[int, str]) -> dict[str, Any]:
    points = [{"value": value, "label": label} for value, label in labels.items()]
    return {"min": low, "max": high, "step": 1, "labels": points}


SCALES: dict[Kind, dict[str, Any] | None] = {
    # Five equal intervals; a label stands for its interval, at the middle of it.
    "mushra": _scale(0, 100, {90: "Excellent", 70: "Good", 50: "Fair", 30: "Poor", 10: "Bad"}),
    "acr": _scale(1, 5, {5: "Excellent", 4: "Good", 3: "Fair", 2: "Poor", 1: "Bad"}),
    "dcr": _scale(
        1,
        5,
        {
            5: "Degradation is inaudible",
            4: "Degradation is audible but not annoying",
            3: "Degradation is slightly annoying",
            2: "Degradation is annoying",
            1: "Degradation is very annoying",
        },
    ),
    "cmos": _scale(
        -3,
        3,
        {
            3: "Much better",
            2: "Better",
            1: "Slightly better",
            0: "About the same",
            -1: "Slightly worse",
            -2: "Worse",
            -3: "Much worse",
        },
    ),
    "abx": None,
    "ab": None,
}
"""Sources: MUSHRA, ITU-R BS.1534-3 section 5.4. ACR, DCR and CCR (here cmos), ITU-T P.800 annexes
B, D and E."""
