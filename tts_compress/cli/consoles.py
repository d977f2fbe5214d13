"""Where commands write: what came out, and what went wrong."""

from rich.console import Console

console = Console()
errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
