"""`playthrough import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import command, counted, heading, out, say, styled, table, try_next
from playthrough.cli.options import Integrations, add_folders, examples
from playthrough.cli.progress import progress

if TYPE_CHECKING:
    from playthrough.game.rom_import import ImportReport, UnmatchedFile
    from playthrough.integrate.attach_rom import Trial

_MAX_UNMATCHED = 40


def import_roms(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="ROM files, folders, .zip, .7z and .gz archives.")
    ],
    attach_to: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="GAME",
            help="Attach a ROM that no game knows (another region or revision, a hack) to this game, after a trial.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "--force", help="With --as: attach it even if the trial leaves doubts.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="List every file, also those that are no ROMs.")] = False,
    integrations: Integrations = None,
) -> None:
    """Copy the ROMs of known games to your own folder; they are recognised by their content, not their name.

    What is not recognised is explained: another version of a known game, one that is cut off, a patch, no ROM at all.
    """
    from playthrough.errors import BadInputError

    add_folders(integrations)
    if attach_to is not None:
        if len(paths) != 1:
            raise BadInputError(f"--as attaches one ROM to a game; {len(paths)} paths were given")
        _attach(paths[0], attach_to, yes)
    elif yes:
        raise BadInputError("--yes belongs to --as GAME: nothing else asks")
    else:
        _import(paths, everything)


def _import(paths: list[Path], everything: bool) -> None:
    from playthrough.errors import RomError
    from playthrough.game.rom_import import ImportReport, import_roms

    report, finished = ImportReport(), False
    try:
        with progress("looking at files") as advance:
            import_roms(paths, report=report, progress=advance)
        finished = True
    finally:
        alone = finished and not report.imported and len(report.unmatched) == 1
        if not alone:  # also when it was interrupted, or the disk is full
            _print_report(report, everything)
    if alone:
        file = report.unmatched[0]
        near = f"\nIf it is that game: {command('import', file.source, '--as', file.game)}" if file.game else ""
        raise RomError(f"{file.source} was not imported: {_reason(file)}{near}")
    if not report.imported:
        looked = ", ".join(str(path) for path in paths)
        raise RomError(
            f"no ROM of a known game in {looked}; playthrough info GAME states the SHA-1 that a game expects"
        )
    try_next(command("play", report.games[0]), command("watch", report.games[0], "--agent", "random"))


def _print_report(report: ImportReport, everything: bool) -> None:
    from playthrough.game.rom_store import roms_folder

    if report.imported:
        listing = table("Game", "ROM", "Found in")
        for rom in report.imported:
            state = styled("imported", "green") if rom.new else styled("was here already", "dim")
            listing.add_row(", ".join(rom.games), state, f"{rom.source} ({rom.how})" if rom.how else rom.source)
        out().print(listing)
    _print_files("Not imported", report.unmatched, None if everything else _MAX_UNMATCHED)
    if everything:
        _print_files("Ignored", report.ignored, None)
    new = sum(rom.new for rom in report.imported)
    if report.imported or report.unmatched:
        heading("In all")
        summary = table("Files", "What became of them", right=("Files",))
        counts = [(new, "imported"), (len(report.imported) - new, "here already")]
        counts += [(number, f"not imported: {kind.value}") for kind, number in report.counts.items()]
        counts += [(report.num_ignored, "ignored: no ROMs" + ("" if everything else "; --all lists them"))]
        for number, what in counts:
            if number:
                summary.add_row(f"{number:,}", what)
        out().print(summary)
    ignored = f"; {counted(report.num_ignored, 'other file')} ignored" if report.num_ignored else ""
    say(f"{new} imported, {len(report.imported) - new} here already, {len(report.unmatched)} not recognised{ignored}.")
    if report.imported:
        say(f"ROMs are kept in {roms_folder()}")
    near = next((file for file in report.unmatched if file.game and ": " not in file.source), None)
    if near is not None:
        attempt = command("import", near.source, "--as", near.game)
        say(f"Another version of a game can be tried with its integration: {attempt}")


def _print_files(title: str, files: list[UnmatchedFile], most: int | None) -> None:
    if not files:
        return
    listing = table(title, "Why")
    for file in files[:most]:
        listing.add_row(file.source, _reason(file))
    out().print(listing)
    if most is not None and len(files) > most:
        say(f"... and {counted(len(files) - most, 'more file')}; --all lists them")


def _reason(file: UnmatchedFile) -> str:
    return file.reason.removeprefix(f"{file.source}: ")


def _attach(path: Path, game: str, yes: bool) -> None:
    from playthrough.errors import RomError
    from playthrough.integrate.attach_rom import attach_rom, find_candidate, try_rom

    name, rom = find_candidate(path, game)
    say(f"Trying {rom.source} with {name}, in a process of its own ...")
    with progress("trying") as advance:
        trial = try_rom(rom, name, lambda what, done, total: advance(done, total))
    _print_trial(trial)
    if trial.doubtful and not yes:
        raise RomError(
            f"it is doubtful whether {rom.source} fits {name}, so it was not attached; "
            f"look at what speaks against it, or insist: {command('import', path, '--as', game, '--yes')}"
        )
    kept = attach_rom(trial)
    say(f"{rom.source} is now a ROM of {name}; it is kept in {kept}", "green")
    try_next(command("watch", name, "--agent", "random"), command("info", name))


def _print_trial(trial: Trial) -> None:
    seen = table("Variable", "In start states", "In play", "Changes", "", right=("Changes",))
    for variable in trial.variables:
        start = "" if variable.at_start is None else _range(*variable.at_start)
        odd = styled(variable.remark, "yellow")
        seen.add_row(variable.name, start, _range(*variable.in_play), f"{variable.num_changes:,}", odd)
    if trial.variables:
        out().print(seen)
    for mark, style, lines in (("+", "green", trial.speaks_for), ("-", "yellow", trial.speaks_against)):
        for line in lines:
            say(f"  {mark} {line}", style)
    if not trial.speaks_for:
        say("  - nothing shows that the variables mean the same in this ROM", "yellow")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "import",
        **examples(
            "playthrough import ~/Downloads/roms",
            "playthrough import game.zip other.nes",
            "playthrough import roms --integrations my-games     # also for games of your own",
            "playthrough import 'Tetris (Japan).nes' --as Tetris-Nes",
        ),
    )(import_roms)
