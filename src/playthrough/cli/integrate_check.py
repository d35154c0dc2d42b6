"""`playthrough integrate check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import command, counted, heading, out, say, table, try_next
from playthrough.cli.options import Game, GameOptions, examples, takes_game
from playthrough.cli.progress import progress

if TYPE_CHECKING:
    from playthrough.integrate.check_finding import CheckReport

_COLORS = {"error": "red", "warning": "yellow", "note": "dim"}
_SHOWN_ENTRIES = 40


@takes_game
def check(
    game: Game,
    chosen: GameOptions,
    movie: Annotated[
        list[Path] | None,
        typer.Option("--movie", metavar="FILE", help="Look at this movie too; repeatable. Those of the folder count."),
    ] = None,
    frames: Annotated[
        int, typer.Option(metavar="N", min=0, help="How long each simple way to play goes on; 0 for movies alone.")
    ] = 3000,
    score_at: Annotated[
        list[str] | None,
        typer.Option(
            "--score-at", metavar="FRAME=VALUE", help="What the screen shows on a frame of the first movie; repeatable."
        ),
    ] = None,
    explain: Annotated[
        Path | None, typer.Option(metavar="MOVIE", help="Say what paid what on which frame of a movie, and stop.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all that --explain found as a table.")] = None,
) -> None:
    """Look for what is wrong with a game's variables, rewards and ends; says where it shows, and what to do.

    Reads the files, replays the movies in the game's folder, and plays in several simple ways.

    An error is wrong for certain, a warning almost certainly; a note is worth knowing. With errors the exit code is 1.
    """
    from playthrough.errors import BadInputError

    if csv is not None and explain is None:
        raise BadInputError("--csv: there is nothing to write; it belongs to --explain MOVIE")
    if explain is not None:
        _explain(game, chosen, explain, csv)
        return
    from playthrough.integrate.check import check as check_game
    from playthrough.integrate.check_score import ScoreAt

    told = [ScoreAt.parse(text) for text in score_at or ()]
    with progress("playing") as advance:
        report = check_game(
            chosen.env_options(game), movies=movie or (), num_frames=frames, score_at=told, on_frame=advance
        )
    _print(report)
    more = chosen.as_arguments()
    try_next(command("integrate", "check", game, "--explain", "MOVIE") + more, command("info", game) + more)
    if report.count("error"):
        raise typer.Exit(1)


def _print(report: CheckReport) -> None:
    say(report.game, "bold")
    for play in report.plays:
        say(f"  {play}", "dim")
    for finding in report.findings:
        say()
        say(f"{finding.level}: {finding.message}", _COLORS[finding.level])
        for label, text in (("where", finding.place), ("shows in", finding.evidence), ("do", finding.next_step)):
            if text:
                say(f"  {label}: {text}")
    counts = [counted(report.count(level), level) for level in ("error", "warning", "note")]
    say()
    say(", ".join(counts), "red" if report.count("error") else "bold")


def _explain(game: str, chosen: GameOptions, movie: Path, csv: Path | None) -> None:
    """Print a movie's reward ledger."""
    from playthrough.errors import BadInputError
    from playthrough.game.atomic_file import write_file
    from playthrough.integrate.ledger import explain

    if chosen.state is not None:
        raise BadInputError("--state: a movie brings its own start state; leave this out")
    options = {name: value for name, value in chosen.given.items() if name != "engine"}
    ledger = explain(movie, game=game, **options)
    entries = list(ledger.entries())
    listing = table("Frame", "Term", "From", "To", "Pays", "In all", right=("Frame", "From", "To", "Pays", "In all"))
    for entry in entries[:_SHOWN_ENTRIES]:
        values = ("" if value is None else str(value) for value in (entry.before, entry.after))
        listing.add_row(str(entry.frame), entry.term, *values, f"{entry.amount:+g}", f"{entry.total:g}")
    out().print(listing)
    if len(entries) > _SHOWN_ENTRIES:
        say(f"and {len(entries) - _SHOWN_ENTRIES} more; --csv FILE writes all", "dim")
    heading("Totals")
    totals = table("Term", "Pays", "Frames", right=("Pays", "Frames"))
    for name, total in ledger.totals.items():
        totals.add_row(name, f"{total:g}", str(ledger.payments[name]))
    out().print(totals)
    play = ledger.play
    end = "the game did not end" if play.ended_at is None else f"the game ended on frame {play.ended_at}"
    say(f"{counted(play.num_frames + 1, 'frame')}; {end}")
    if csv is not None:
        write_file(csv, ledger.to_csv().encode())
        say(f"Written: {csv} ({counted(len(entries), 'payment')})", "bold")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough integrate check MyGame-Nes --integrations ~/my-games",
            "playthrough integrate check Airstriker-Genesis --frames 6000",
            "playthrough integrate check MyGame-Nes --movie won.bk2 --score-at 600=1200",
            "playthrough integrate check MyGame-Nes --explain won.bk2 --csv rewards.csv",
        )
    )(check)
