"""How a network is made smaller, by name. Nothing here imports torch until a method is called."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from tts_compress.methods.base import Method
from tts_compress.methods.finetune import Finetune
from tts_compress.methods.magnitude import Magnitude
from tts_compress.methods.recalibrate import Recalibrate
from tts_compress.methods.resize import Resize
from tts_compress.methods.structured import Channels, Heads, Units

METHODS: dict[str, type[Method]] = {
    "magnitude": Magnitude,
    "heads": Heads,
    "channels": Channels,
    "units": Units,
    "recalibrate": Recalibrate,
    "finetune": Finetune,
    "resize": Resize,
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
