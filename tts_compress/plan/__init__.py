"""What a recipe will do, and what a checkpoint holds, as tables for the terminal."""

from tts_compress.plan.couplings import show_couplings
from tts_compress.plan.files import show_file
from tts_compress.plan.kept import show_kept
from tts_compress.plan.models import show_model
from tts_compress.plan.recipes import show_recipe

__all__ = ["show_couplings", "show_file", "show_kept", "show_model", "show_recipe"]
