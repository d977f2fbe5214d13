"""What a recipe will do, and what a checkpoint holds, as tables for the terminal."""

from tts_compress.plan.couplings import show_couplings
from tts_compress.plan.models import show_model
from tts_compress.plan.recipes import show_recipe

__all__ = ["show_couplings", "show_model", "show_recipe"]
