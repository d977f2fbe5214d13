"""Make text-to-speech models small, and measure and hear what it costs."""
