"""A person plays: a game in a window, keys and gamepads on its pads, every episode on a movie.

Esc ends, F1 helps, F5 saves the moment and F7 goes back to it; the movie goes back with it, so that it always shows one
unbroken way from the start state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import System, without_version
from playthrough.env.keyboard import Pads, keys_of
from playthrough.env.options import StartState
from playthrough.env.recording import Recorder
from playthrough.env.starts import POWER_ON
from playthrough.env.vector import RetroVectorEnv
from playthrough.env.window import Window
from playthrough.game.movies import MovieWriter
from playthrough.game.trace import checksum

_MAX_QUEUED_S = 0.25


@dataclass
class Tape:
    """What was pressed since a start state.

    Attributes:
        state_name: The start state's name.
        state: Its savestate; no bytes is a power-on.
        frames: Button masks (players,) and variables of every frame, the reset's own first.
    """

    state_name: str
    state: bytes
    frames: list[tuple[NDArray[np.uint16], NDArray[np.int64]]] = field(
        default_factory=list[tuple[NDArray[np.uint16], NDArray[np.int64]]]
    )

    def copy(self) -> Tape:
        """The same until now, and independent from here on."""
        return Tape(self.state_name, self.state, list(self.frames))


class TapeRecorder(Recorder):
    """Records one lane on a tape that can be wound back, and writes a movie when the episode is over.

    Args:
        folder: Where movies go; older ones there stay.
        env: Whose episodes they are.
        unbroken: Whether the movie goes on when the game ends.
    """

    def __init__(self, folder: Path, env: RetroVectorEnv, unbroken: bool) -> None:
        self._game, self._system = env.integration.movie_name, env.integration.system
        self._players = env.options.players
        super().__init__(folder, self._game, self._system, self._players, 1, env.variables, env.engine.core_name)
        self._unbroken = unbroken
        self.tape: Tape | None = None
        self.paths: list[Path] = []
        """The movies that were written."""

    def begin(self, lane: int, state_name: str, state: bytes) -> None:
        """See `Recorder`."""
        self.close()
        self.tape = Tape(state_name, state)

    def frames(self, lane: int, masks: NDArray[np.uint16], samples: NDArray[np.int64]) -> None:
        """See `Recorder`."""
        if self.tape is not None:
            self.tape.frames += zip(masks.copy(), samples.copy(), strict=True)

    def end(self, lane: int) -> None:
        """See `Recorder`."""
        if not self._unbroken:
            self.close()

    def jump(self, lane: int) -> None:
        """See `Recorder`. The session winds the tape back itself."""

    def close(self) -> None:
        """See `Recorder`. An episode of nothing but its reset is not worth a movie."""
        tape, self.tape = self.tape, None
        if tape is None or len(tape.frames) < 2:
            return
        stem = f"{without_version(self._game)}-{tape.state_name}"
        names = (self.folder / f"{stem}-{number:03d}.bk2" for number in count(1))
        path = next(name for name in names if not name.exists())
        with MovieWriter(
            path,
            self._system,
            self._game,
            self._players,
            tape.state or None,
            core=self._core,
            variables=self._variables,
        ) as writer:
            for mask, values in tape.frames:
                writer.frame(mask, checksum(values))
        self.paths.append(path)


@dataclass
class Played:
    """What came of a session.

    Attributes:
        num_frames: How many frames were played, also those that were taken back.
        num_episodes: How many episodes came to their end.
        returns: The rewards of the unfinished or last episode, per player.
        movies: The movies that were written.
        marked: At F5: the savestate, and what was pressed since the start, masks (players,); the last one counts.
    """

    num_frames: int = 0
    num_episodes: int = 0
    returns: list[float] = field(default_factory=list[float])
    movies: list[Path] = field(default_factory=list[Path])
    marked: tuple[bytes, list[NDArray[np.uint16]]] | None = None


class PlayWindow(Window):
    """The window of a session: also keys, text and sound.

    Args:
        title: In the title bar.
        frames_per_second: The game's speed; None for as fast as it goes.
        sample_rate_hz: Of the sound; None for silence.
        scale: How many screen pixels one of the game's pixels takes, along each side.
    """

    def __init__(
        self, title: str, frames_per_second: float | None, sample_rate_hz: float | None, scale: int = 3
    ) -> None:
        super().__init__(title, frames_per_second, scale)
        self._queued: list[NDArray[np.int16]] = []
        self._channel: Any = None
        if sample_rate_hz is not None:
            self._open_sound(sample_rate_hz)

    def events(self) -> list[Any]:
        """What happened since the last call."""
        events = self._pygame.event.get()
        self.open = self.open and all(event.type != self._pygame.QUIT for event in events)
        return events

    def escaped(self) -> bool:
        """Whether somebody pressed Esc or closed the window since the last call."""
        pygame = self._pygame
        keys = [event.key for event in self.events() if event.type == pygame.KEYDOWN]
        return not self.open or pygame.K_ESCAPE in keys

    def tell(self, text: str) -> None:
        """Show a short message in the title bar."""
        self._pygame.display.set_caption(f"{self._title}: {text}" if text else self._title)

    def show_text(self, lines: list[str]) -> None:
        """Cover the picture with text, for as long as this is called in place of `show`."""
        pygame = self._pygame
        pygame.font.init()
        font = pygame.font.Font(None, 26)
        self._surface.fill((16, 18, 28))
        for row, line in enumerate(lines):
            self._surface.blit(font.render(line, True, (235, 235, 235)), (16, 12 + 24 * row))
        pygame.display.flip()
        self._clock.tick(30)

    def play_sound(self, samples: NDArray[np.int16]) -> None:
        """Play sound, int16 (samples, 2), after what is still playing."""
        if self._channel is None or not len(samples):
            return
        self._queued.append(samples)
        if self._channel.get_queue() is None:
            piece = np.concatenate(self._queued)[-self._max_samples :]
            self._channel.queue(self._pygame.mixer.Sound(buffer=piece.tobytes()))
            self._queued.clear()

    def _open_sound(self, sample_rate_hz: float) -> None:
        pygame = self._pygame
        try:
            pygame.mixer.init(round(sample_rate_hz), -16, 2, 512, allowedchanges=0)
        except pygame.error:
            return  # no loudspeaker here: the game is played in silence
        self._max_samples = round(sample_rate_hz * _MAX_QUEUED_S)
        self._channel = pygame.mixer.Channel(0)


class Partner(Protocol):
    """Somebody who plays with the person at the keyboard."""

    def begin(self, state: StartState) -> None:
        """An episode begins at a start state, and its first frame has been run with nothing pressed."""
        ...

    def pads(self, person: int) -> NDArray[np.uint16]:
        """What is pressed on all pads, uint16 (players,), while the person presses these buttons."""
        ...

    def played(self, pads: NDArray[np.uint16]) -> None:
        """A frame was run with these pads."""
        ...

    def save(self) -> Any:
        """What it takes to go back to this moment."""
        ...

    def load(self, saved: Any) -> None:
        """Go back to a moment."""
        ...


class PlaySession:
    """One person, or two, or one with a partner, playing one game.

    Args:
        env: One lane with `actions="all"`, no frame skip, and autoreset disabled.
        window: Where it is shown.
        movies: Folder of the movies.
        inputs: Button masks (frames, players) to play instead of the pads; the session ends after them.
        max_frames: End after so many frames.
        until_mark: Whether the session is there to find one moment: F5 ends it, and nothing else ends an episode.
        on_episode: Called with the rewards per player and the reason when an episode comes to its end.
        partner: Who holds the other pads; None where people hold all of them.
    """

    def __init__(
        self,
        env: RetroVectorEnv,
        window: PlayWindow,
        *,
        movies: Path,
        inputs: NDArray[np.uint16] | None = None,
        max_frames: int | None = None,
        until_mark: bool = False,
        on_episode: Callable[[list[float], str], None] | None = None,
        partner: Partner | None = None,
    ) -> None:
        self._env, self._window, self._inputs, self._max_frames = env, window, inputs, max_frames
        self._until_mark, self._on_episode, self._partner = until_mark, on_episode, partner
        system = env.integration.system
        self._people = env.options.players if partner is None else 1
        self._pads = Pads(system, self._people)
        self._recorder = env.recorder = TapeRecorder(movies, env, until_mark)
        self._bit_of_action = np.arange(len(system.buttons))
        self._played = Played()
        self._help = False
        self._kept: tuple[bytes, Tape, list[float], Any] | None = None

    def run(self) -> Played:
        """Play until Esc, the window's end, or the end of the inputs."""
        played = self._played
        self._begin()
        self._window.show(self._env.picture(0))
        while self._window.open and not self._at_the_end():
            self._handle_events()
            if self._help:
                self._window.show_text(help_lines(self._env.integration.system, self._people))
            elif self._window.open:
                self._frame()
        self._recorder.close()
        played.movies = self._recorder.paths
        return played

    def _at_the_end(self) -> bool:
        limits = [limit for limit in (self._max_frames, self._inputs_left()) if limit is not None]
        return bool(limits) and self._played.num_frames >= min(limits)

    def _inputs_left(self) -> int | None:
        return None if self._inputs is None else len(self._inputs)

    def _begin(self) -> None:
        self._env.reset()
        self._played.returns = [0.0] * self._env.options.players
        if self._partner is not None and (tape := self._recorder.tape) is not None:
            self._partner.begin(tape.state or POWER_ON)

    def _frame(self) -> None:
        played = self._played
        masks = self._pads.masks() if self._inputs is None else self._inputs[played.num_frames]
        if self._partner is not None:
            masks = self._partner.pads(int(masks[0]))
            self._partner.played(masks)
        action = (masks[:, None] >> self._bit_of_action & 1).astype(np.int8).reshape(1, -1)
        _, _, terminated, truncated, infos = self._env.step(action)
        played.num_frames += 1
        played.returns = [
            total + float(reward) for total, reward in zip(played.returns, infos["rewards"][0], strict=True)
        ]
        self._window.show(self._env.picture(0))
        if self._env.options.sound:
            self._window.play_sound(self._env.sound(0))
        if not (terminated[0] or truncated[0]):
            return
        if self._until_mark:
            self._env.go_on()
        else:
            played.num_episodes += 1
            if self._on_episode:
                self._on_episode(played.returns, str(infos["episode_end"][0]))
            if not self._at_the_end():
                self._begin()

    def _handle_events(self) -> None:
        pygame: Any = __import__("pygame")
        for event in self._window.events():
            self._pads.handle(event)
            if event.type != pygame.KEYDOWN:
                continue
            if event.key == pygame.K_ESCAPE and self._help:
                self._help = False
            elif event.key == pygame.K_ESCAPE:
                self._window.close()
            elif event.key == pygame.K_F1:
                self._help = not self._help
            elif event.key == pygame.K_F5:
                self._mark()
            elif event.key == pygame.K_F7:
                self._go_back()

    def _mark(self) -> None:
        tape = self._recorder.tape
        if tape is None:
            return
        partner = None if self._partner is None else self._partner.save()
        self._kept = self._env.save_state(0), tape.copy(), list(self._played.returns), partner
        self._played.marked = self._env.engine.save(0), [mask for mask, _ in tape.frames]
        self._window.tell("saved, F7 returns here")
        if self._until_mark:
            self._window.close()

    def _go_back(self) -> None:
        if self._kept is None:
            self._window.tell("nothing saved yet, F5 saves")
            return
        snapshot, tape, returns, partner = self._kept
        self._env.load_state(0, snapshot)
        if self._partner is not None:
            self._partner.load(partner)
        self._recorder.tape = tape.copy()
        self._played.returns = list(returns)
        self._window.tell("back at the saved moment")


def help_lines(system: System, players: int) -> list[str]:
    """What the keys do, a line each."""
    lines = [f"{system.name}: keys", ""]
    for player in range(players):
        keys = keys_of(system, player)
        whose = f"player {player + 1}: " if players > 1 else ""
        directions = ["UP", "DOWN", "LEFT", "RIGHT"]
        moves = [keys[name] for name in directions if name in keys]
        lines.append(f"{whose}directions  {' '.join(moves)}")
        lines += [f"    {button}  =  {key}" for button, key in keys.items() if button not in directions]
    lines += ["", "a gamepad works too", "F5 save   F7 go back   F1 this help   Esc end"]
    return lines
