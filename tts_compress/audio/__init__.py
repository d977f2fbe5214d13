"""Sound in and out: wav files, mel spectrograms, and vocoders that turn them back into sound."""
