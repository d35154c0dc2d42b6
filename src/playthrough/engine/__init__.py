"""Run N emulators. Nothing here knows what a game means."""
