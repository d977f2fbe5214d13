"""Settings that count only beside another are refused elsewhere, and have a default there."""

import pytest
from pydantic import ValidationError

from tts_compress import recipe
from tts_compress.errors import RecipeError
from tts_compress.methods import MultiBit, Rounding, Uniform


@pytest.mark.parametrize("method", [Uniform, MultiBit, Rounding])
def test_a_group_has_a_size_and_nothing_else_has(method):
    assert method(bits=3).group_size is None
    assert method(bits=3, granularity="group").group_size == 64
    assert method(bits=3, granularity="group", group_size=None).group_size == 64
    assert method(bits=3, granularity="group", group_size=8).group_size == 8
    assert method(bits=3, granularity="tensor", group_size=None).group_size is None
    refused = r"has an effect only with granularity group, got granularity channel"
    with pytest.raises(ValidationError, match=refused):
        method(bits=3, group_size=64)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        method(bits=3, granularity="group", group_size=0)


def test_a_percentile_is_that_of_its_range():
    assert Uniform(bits=4).percentile is None
    assert Uniform(bits=4, range="percentile").percentile == 99.9
    assert Uniform(bits=4, range="percentile", percentile=98).percentile == 98
    refused = r"has an effect only with range percentile, got range mse"
    with pytest.raises(ValidationError, match=refused):
        Uniform(bits=4, percentile=98)
    for wrong in (50, 101, float("nan")):
        with pytest.raises(ValidationError, match="percentile"):
            Uniform(bits=4, range="percentile", percentile=wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "percentile: 99",
            r"r\.yaml:3: stages\[0\]\.percentile: has an effect only with range percentile, "
            r"got range mse\. Per cent of weights",
        ),
        (
            "granularity: channel, group_size: 8",
            r"r\.yaml:3: stages\[0\]\.group_size: has an effect only with granularity group, "
            r"got granularity channel\. Most columns of a g",
        ),
        ("granularity: chanel, group_size: 8", r"stages\[0\]\.granularity: .*got 'chanel'\."),
    ],
)
def test_a_recipe_is_told_where(tmp_path, settings, message):
    path = tmp_path / "r.yaml"
    path.write_text(
        f"model: voice\nstages:\n  - {{method: uniform, bits: 4, {settings}}}\n"
        "evaluate: {sentences: sentences.txt}\n"
    )
    with pytest.raises(RecipeError, match=message):
        recipe.load(path)


def test_left_out_and_written_out_are_the_same_settings():
    written = Rounding(granularity="group", group_size=64)
    assert Rounding(granularity="group") == written
    assert Rounding.model_validate(written.model_dump()) == written
