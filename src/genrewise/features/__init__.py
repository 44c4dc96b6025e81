"""Features of audio: spectra, harmony, rhythm, statistics and pictures."""
