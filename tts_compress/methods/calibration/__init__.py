"""What layers hear and say of calibration speech, and weights that are fitted to it."""
