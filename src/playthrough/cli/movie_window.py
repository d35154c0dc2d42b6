"""A movie shown in a window, at the game's speed and with its sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def show_movie(path: Path, title: str, *, game: str | Path | None, speed: float, scale: int, **options: Any) -> bool:
    """Replay a movie in a window.

    Args:
        path: The movie.
        title: In the title bar.
        game: Its game, where the movie does not say it.
        speed: How many times as fast as the game; 0 for as fast as it goes.
        scale: Screen pixels per pixel of the game.
        options: Further fields of EnvOptions.

    Returns:
        False if the window was closed before the end.
    """
    from playthrough.env.session import PlayWindow
    from playthrough.runs.replay import play_movie, read_movie, replay_env

    movie = read_movie(path)
    sound = speed == 1.0
    env = replay_env(movie, game=game, pictures=True, sound=sound, **options)
    try:
        display = env.engine.display
        rate = display.sample_rate_hz if sound else None
        window = PlayWindow(title, display.frames_per_second * speed or None, rate, scale)
        try:
            for frame in play_movie(movie, env, pictures=True, sound=sound):
                if frame.picture is not None:
                    window.show(frame.picture)
                if frame.sound is not None:
                    window.play_sound(frame.sound)
                if window.escaped():
                    return False
            return True
        finally:
            window.close()
    finally:
        env.close()
