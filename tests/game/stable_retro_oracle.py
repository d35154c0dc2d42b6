"""Runs stable-retro's own evaluation on memory that the test dictates; a program, never imported by a test.

Called with two paths: it reads one JSON request from the first and writes one JSON answer to the second (standard
output belongs to the scripts, which may print). A request is a list of cases; each has `folder` (with data.json, a
scenario and its scripts), `scenario` (a file name), `players` and `operations`:

    ["poke", address, hex bytes]      write memory (Genesis work RAM, in bus order)
    ["reset"]                         what RetroEnv.reset does to the game's data
    ["update"]                        what RetroEnv.step does; answers {rewards, done, info} (or {error})
    ["extract", address, type]        answers {value} as the type reads it
"""

import json
import sys
from pathlib import Path

import stable_retro
import stable_retro.data as retro_data


def evaluate(data, players):
    return {
        "rewards": [data.current_reward(player) for player in range(players)],
        "done": data.is_done(),
        "info": dict(data.lookup_all()),
    }


def run_case(emulator, case):
    data = retro_data.GameData()
    emulator.configure_data(data)
    folder = Path(case["folder"])
    loaded = data.load(str(folder / "data.json"), str(folder / case["scenario"]))
    answers = [{"loaded": loaded, "order": list(data.list_variables())}]
    for operation in case["operations"]:
        try:
            match operation:
                case ["poke", address, text]:
                    for offset, byte in enumerate(bytes.fromhex(text)):
                        data.memory.assign(address + offset, "|u1", byte)
                    continue
                case ["reset"]:
                    data.reset()
                    data.update_ram()
                    answers.append(evaluate(data, case.get("players", 1)))
                case ["update"]:
                    data.update_ram()
                    answers.append(evaluate(data, case.get("players", 1)))
                case ["extract", address, kind]:
                    answers.append({"value": data.memory.extract(address, kind)})
        except Exception as error:
            answers.append({"error": f"{type(error).__name__}: {error}"})
    return answers


def main():
    rom = Path(stable_retro.__file__).parent / "data/stable/Airstriker-Genesis-v0/rom.md"
    emulator = stable_retro.RetroEmulator(str(rom))
    request, answer = map(Path, sys.argv[1:])
    cases = json.loads(request.read_text())
    answer.write_text(json.dumps([run_case(emulator, case) for case in cases]))


main()
