"""Settings of what shares a scale, and of what counts only beside another setting."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo

from tts_compress.methods.base import Quantizing

T = TypeVar("T")


def only_with(setting: str, wanted: str, default: T) -> AfterValidator:
    """Gives what checks a setting that has an effect only where another has a certain value.

    There it has a default; elsewhere it is None, and refused where it is given.

    Args:
        setting: The other, which stands before this one.
        wanted: Its value.
        default: What this one is then, where it is left out.
    """

    def check(given: T | None, info: ValidationInfo) -> T | None:
        other = info.data.get(setting, wanted)  # where that one is wrong, it is said of it
        if other == wanted:
            return default if given is None else given
        if given is not None:
            raise ValueError(f"has an effect only with {setting} {wanted}, got {setting} {other}")
        return None

    return AfterValidator(check)


class ScaleSharing(Quantizing):
    """Base of methods whose scales are shared by the weights of a tensor, a row or a group.

    Attributes:
        granularity: What shares a scale.
        group_size: Most columns of a group; None where there are no groups.
    """

    granularity: Literal["tensor", "channel", "group"] = Field(
        "channel", description="What shares a scale: a tensor, a row, or a group of its columns."
    )
    group_size: Annotated[int | None, only_with("granularity", "group", 64)] = Field(
        None,
        ge=1,
        validate_default=True,
        description="Most columns of a group, with granularity group; 64 where left out. Groups "
        "are as even as can be.",
    )
