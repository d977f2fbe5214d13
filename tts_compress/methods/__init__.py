"""How a network is made smaller, by name. Nothing here imports torch until a method is called."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from tts_compress.methods.base import Method
from tts_compress.methods.codebook import Codebook
from tts_compress.methods.finetune import Finetune
from tts_compress.methods.fold import Fold
from tts_compress.methods.low_rank import LowRank
from tts_compress.methods.magnitude import Magnitude
from tts_compress.methods.multibit import MultiBit
from tts_compress.methods.narrow import Narrow
from tts_compress.methods.rate_aware import RateAware
from tts_compress.methods.recalibrate import Recalibrate
from tts_compress.methods.reconstruct import Reconstruct
from tts_compress.methods.resize import Resize
from tts_compress.methods.rounding import Rounding
from tts_compress.methods.structured import Channels, Heads, Units
from tts_compress.methods.uniform import Uniform
from tts_compress.methods.wanda import Wanda

METHODS: dict[str, type[Method]] = {
    "magnitude": Magnitude,
    "wanda": Wanda,
    "heads": Heads,
    "channels": Channels,
    "units": Units,
    "recalibrate": Recalibrate,
    "reconstruct": Reconstruct,
    "finetune": Finetune,
    "resize": Resize,
    "low_rank": LowRank,
    "fold": Fold,
    "uniform": Uniform,
    "narrow": Narrow,
    "multibit": MultiBit,
    "codebook": Codebook,
    "rounding": Rounding,
    "rate_aware": RateAware,
}


class _ByMethod:
    """Tells settings apart by their `method`, also while there is one method only."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        choices = {name: handler.generate_schema(method) for name, method in METHODS.items()}
        return core_schema.tagged_union_schema(choices, discriminator="method")


Stage = Annotated[Method, _ByMethod]
