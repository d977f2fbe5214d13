"""``python -m tts_compress`` is ``tts-compress``."""

from tts_compress.cli import main

if __name__ == "__main__":
    main()
