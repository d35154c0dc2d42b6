"""BizHawk's Lua functions over a core: a script's view of memory, pads, savestates and drawings is the engine's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_cores import REPOSITORY

from playthrough.env.bizhawk.host import BizHawkHost, ScriptStopped
from playthrough.errors import IntegrationError, PlaythroughError

GAMES = REPOSITORY / "games"
WICKLING = GAMES / "Wickling-Nes" / "rom.nes"
SYSTEM_IDS = {
    "Nes": "NES",
    "Snes": "SNES",
    "Genesis": "GEN",
    "Sms": "SMS",
    "GameGear": "GG",
    "GameBoy": "GB",
    "GbColor": "GBC",
    "GbAdvance": "GBA",
    "PCEngine": "PCE",
    "Atari2600": "A26",
}


class Script:
    """Runs pieces of Lua in one host and keeps what they print."""

    def __init__(self, folder: Path, rom: Path | None = WICKLING, **options: object) -> None:
        self.lines: list[str] = []
        self.folder = folder
        self.host = BizHawkHost(folder, rom, show=self.lines.append, **options)  # type: ignore[arg-type]
        self._number = 0

    def __call__(self, source: str) -> list[str]:
        self.lines.clear()
        self._number += 1
        path = self.folder / f"piece{self._number}.lua"
        path.write_text(source)
        self.host.run(path)
        return list(self.lines)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


PLAY = """
for _ = 1, 30 do emu.frameadvance() end
joypad.set({["P1 Start"] = true}); emu.frameadvance()
for _ = 1, 77 do emu.frameadvance() end
"""


def tiny_roms() -> list[Path]:
    return sorted(path for path in GAMES.glob("Tiny-*/rom.*") if path.suffix != ".sha")


@pytest.mark.parametrize("rom", tiny_roms(), ids=lambda path: path.parent.name)
def test_each_systems_memory_and_buttons(rom: Path, tmp_path: Path) -> None:
    system = rom.parent.name.partition("-")[2]
    script = Script(tmp_path, rom, system=system)
    variables = json.loads((rom.parent / "data.json").read_text())["info"]
    lane = script.host.running_lane
    pad, counter = (variables[name]["address"] for name in ("pad1", "counter"))
    start = next(bus for _, bus, _ in lane.main_domain.pieces)
    assert script("print(emu.getsystemid())") == [SYSTEM_IDS[system]]
    # Main memory begins where BizHawk's does: the game's counter counts the frames there.
    before, after = script(
        f"""
        for _ = 1, 20 do emu.frameadvance() end
        local function sum()
            return mainmemory.read_u8({counter - start}) + mainmemory.read_u8({counter - start} + 1)
        end
        print(sum()); emu.frameadvance(); print(sum())
        """
    )
    assert before != after
    lines = script(
        f"""
        for name in pairs(joypad.get()) do
            if name:find("^P1 ") or emu.getsystemid() == "GBA" and name ~= "Power" then
                joypad.set({{[name] = true}}); emu.frameadvance(); emu.frameadvance()
                joypad.set({{[name] = true}}); emu.frameadvance()
                joypad.set({{[name] = true}}); emu.frameadvance()
                print(name, mainmemory.read_u16_le({pad - start}), joypad.get()[name])
                emu.frameadvance(); emu.frameadvance()
            end
        end
        """
    )
    seen = {name: int(bits) for name, bits, is_down in (line.split("\t") for line in lines) if is_down == "true"}
    heard = {name: bits for name, bits in seen.items() if bits}
    assert {name.removeprefix("P1 ") for name in heard} >= {"Up", "Down", "Left", "Right"}
    assert len(set(heard.values())) == len(heard) >= 5  # each button sets a bit of its own
    script.host.close()


def test_memory_reads_equal_the_engines_bytes(script: Script) -> None:
    script(PLAY)
    ram = script.host.running_lane.engine.read_memory(0, 0, 0x800)
    lines = script(
        """
        for _, address in ipairs({0, 0x7E, 0x7F, 0x80, 0x3FE, 0x500, 0x710, 0x7F8}) do
            print(memory.read_u8(address), mainmemory.read_s8(address), memory.read_u16_be(address, "RAM"),
                memory.read_s16_le(address), memory.read_u24_be(address), memory.read_s32_be(address),
                memory.read_u32_le(address), memory.read_u8(address + 0x800))
        end
        """
    )
    for address, line in zip((0, 0x7E, 0x7F, 0x80, 0x3FE, 0x500, 0x710, 0x7F8), lines, strict=True):
        at = ram[address:]
        assert [int(text) for text in line.split("\t")] == [
            at[0],
            int.from_bytes(at[:1], signed=True),
            int.from_bytes(at[:2]),
            int.from_bytes(at[:2], "little", signed=True),
            int.from_bytes(at[:3]),
            int.from_bytes(at[:4], signed=True),
            int.from_bytes(at[:4], "little"),
            at[0],  # the bus repeats the NES's RAM
        ]


def test_writes_are_seen_at_once_through_every_domain(script: Script) -> None:
    assert script(
        """
        print(memory.read_u8(0x10, "RAM"), memory.read_u8(0x810))
        mainmemory.write_u16_be(0x10, 0xA1B2)
        print(memory.read_u8(0x10, "RAM"), memory.read_u8(0x811), mainmemory.read_u16_le(0x10))
        mainmemory.write_bytes_as_array(0x10, {1, 2, 3})
        local bytes = memory.read_bytes_as_array(0x10, 3)
        print(bytes[1], bytes[3], memory.readbyterange(0x10, 3)[0], memory.read_bytes_as_dict(0x10, 3)[0x12])
        """
    )[1:] == ["161\t178\t45729", "1\t3\t1\t3"]


def test_addresses_outside_read_0_and_say_so_as_in_bizhawk(script: Script) -> None:
    lines = script('print(mainmemory.readbyte(0x800)); print(memory.readbyte(0, "VRAM of another console"))')
    assert "outside the memory size" in lines[0] and lines[1] == "0"
    assert "Unable to find domain" in lines[2]


def test_an_address_that_the_core_does_not_show_is_an_error(script: Script) -> None:
    with pytest.raises(IntegrationError, match=r"piece1\.lua:1: the core does not show address 0x8000"):
        script("memory.readbyte(0x8000)")


def test_pads_hold_for_one_frame_and_opposites_exclude_each_other(script: Script) -> None:
    lines = script(
        """
        joypad.set({Up = true, Down = true, Left = true, Right = true}, 1); emu.frameadvance()
        local pad = joypad.get(1)
        print(pad.Up, pad.Down, pad.Left, pad.Right); emu.frameadvance(); print(joypad.get(1).Up)
        """
    )
    assert lines == ["true\tfalse\ttrue\tfalse", "false"]


def test_savestates_take_the_game_and_the_frame_count_back(script: Script) -> None:
    lines = script(
        PLAY
        + """
        event.onloadstate(function() print("loaded") end)
        local function place() return emu.framecount() .. " " .. memory.hash_region(0, 0x800, "RAM") end
        local id, before = memorysavestate.savecorestate(), place()
        savestate.save("here.state"); savestate.saveslot(3)
        for _, load in ipairs({
            function() memorysavestate.loadcorestate(id) end,
            function() return savestate.load("here.state") end,
            function() return savestate.loadslot(3) end,
        }) do
            for _ = 1, 40 do joypad.set({["P1 Right"] = true}); emu.frameadvance() end
            print(place() == before); load(); print(place() == before)
        end
        print(savestate.load("nothing.state"))
        """
    )
    assert [line for line in lines if line != "loaded"][:6] == ["false", "true"] * 3
    assert lines.count("loaded") == 2 and lines[-1] == "false"
    assert (script.folder / "rom.QuickSave3.State").is_file()


def test_the_start_states_of_an_integration_load(script: Script) -> None:
    script.host.load_state(GAMES / "Wickling-Nes" / "Level1-2.state")
    assert script("print(mainmemory.readbyte(0x75C), mainmemory.readbyte(0x770))") == ["1\t2"]


def test_drawings_lie_over_the_picture_of_their_frame_only(script: Script) -> None:
    script(PLAY + 'gui.drawBox(10, 100, 20, 110, "red", 0x8000FF00); gui.pixelText(50, 50, "Hi")')
    plain, drawn = script.host.picture(drawn=False), script.host.picture()
    assert drawn[100, 10].tolist() == drawn[110, 20].tolist() == [255, 0, 0]
    red, green, blue = plain[105, 15].tolist()
    assert drawn[105, 15].tolist() == [red * 127 // 255, (green * 127 + 255 * 128) // 255, blue * 127 // 255]
    changed = np.argwhere((plain != drawn).any(axis=2))
    assert {tuple(place) for place in changed} >= {(50, 50), (51, 50)}  # the left stroke of the H
    script("emu.frameadvance()")
    assert np.array_equal(script.host.picture(), script.host.picture(drawn=False))


def test_drawings_outside_of_the_picture_are_cut_off(script: Script) -> None:
    script(
        """
        gui.drawBox(-50, -50, 5, 5, 0xFFFFFFFF, 0xFF0000FF); gui.drawLine(-100, -100, 9000, 9000, "lime")
        gui.drawEllipse(230, 210, 60, 60, "white", "blue"); gui.text(0, 0, "edge", nil, "bottomright")
        gui.drawPolygon({{1, 1}, {5, 1}, {5, 9}}, 3, 3, "#80FF0000"); gui.drawPixel(999, 999)
        """
    )
    assert script.host.picture()[3, 3].tolist() == [0, 255, 0]


def test_what_is_missing_says_its_name(script: Script) -> None:
    for call in ("comm.mmfRead('a', 1)", "emu.getregisters()", "forms.newform()", "event.on_bus_exec(print, 1)"):
        with pytest.raises(IntegrationError, match=call.partition("(")[0].replace(".", r"\.") + " is not supported"):
            script(call)


def test_scripts_reach_neither_programs_nor_python(script: Script) -> None:
    lines = script(
        """
        for _, call in ipairs({function() os.execute("true") end, function() io.popen("true") end,
                               function() package.loadlib("x", "y") end, function() return python.eval end}) do
            print((pcall(call)))
        end
        print(load(string.dump(function() end)))
        """
    )
    assert lines[:4] == ["false"] * 4 and "attempt to load a binary chunk" in lines[4]


def test_errors_of_a_script_name_its_line(script: Script) -> None:
    with pytest.raises(IntegrationError, match=r"piece1\.lua:2: "):
        script("local x = 1\nlocal y = nil + x")
    with pytest.raises(IntegrationError, match=r"piece2\.lua:1: .*near"):
        script("for for")


def test_a_script_stops_after_its_frames_even_inside_pcall(tmp_path: Path) -> None:
    script = Script(tmp_path, max_frames=50)
    with pytest.raises(ScriptStopped):
        script("while true do pcall(function() while true do emu.frameadvance() end end) end")
    assert script.host.total_frames == 50


def test_ctrl_c_ends_a_script_that_catches_everything(tmp_path: Path) -> None:
    def interrupt(picture: object, sound: object) -> None:
        raise KeyboardInterrupt

    script = Script(tmp_path, on_frame=interrupt)
    with pytest.raises(KeyboardInterrupt):
        script("while true do pcall(emu.frameadvance) end")


def test_a_loop_without_frames_is_ended(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playthrough.env.bizhawk.host.MAX_SECONDS", 0.2)
    with pytest.raises(IntegrationError, match="endless loop"):
        script("while true do end")


def test_modules_and_files_are_those_beside_the_script(script: Script) -> None:
    (script.folder / "helper.lua").write_text("return { answer = 42 }")
    lines = script(
        """
        local file = io.open("notes.txt", "w"); file:write("line\\n"); file:close()
        for line in io.lines("notes.txt") do print(line, require("helper").answer) end
        """
    )
    assert lines == ["line\t42"] and (script.folder / "notes.txt").read_text() == "line\n"


def test_events_come_around_each_frame(script: Script) -> None:
    lines = script(
        """
        local id = event.onframestart(function() print("start", emu.framecount()) end, "mine")
        event.onframeend(function() print("end", emu.framecount()) end)
        emu.frameadvance(); print(event.unregisterbyid(id), event.unregisterbyname("mine")); emu.frameadvance()
        """
    )
    assert lines == ["start\t0", "end\t1", "true\tfalse", "end\t2"]


def test_a_script_opens_its_rom_itself(tmp_path: Path) -> None:
    script = Script(tmp_path, None)
    lines = script(
        f"""
        print(gameinfo.getromname(), client.openrom("nowhere.nes"), client.openrom("{WICKLING}"))
        print(gameinfo.getromname(), gameinfo.getromhash(), client.bufferwidth(), client.bufferheight())
        """
    )
    sha1 = (WICKLING.parent / "rom.sha").read_text().strip().upper()
    assert lines == ["Null\tfalse\ttrue", f"rom\t{sha1}\t240\t224"]


def test_without_a_rom_functions_that_need_one_say_so(tmp_path: Path) -> None:
    for call in ("mainmemory.readbyte(1)", "emu.frameadvance()"):
        with pytest.raises(PlaythroughError, match="no ROM is loaded"):
            Script(tmp_path, None)(call)


def test_bits_and_texts_are_bizhawks(script: Script) -> None:
    assert script(
        """
        print(bit.band(0xF0, 0x3C), bit.bnot(0), bit.lshift(1, 31), bit.arshift(0x80000000, 4), bit.ror(1, 1))
        print(bit.check(4, 2), bit.byteswap_16(0x1234), bit.byteswap_32(0x12345678))
        print(bizstring.hex(255), bizstring.binary(10), bizstring.replace("a.b.c", ".", "-"), bizstring.trim("  x "))
        print(table.concat(bizstring.split("a,b,,c", ","), "|"), bizstring.substring("abcdef", 1, 3))
        for key in pairs({c = 1, a = 2, [3] = 1, b = 3, [1] = 0}) do io.write() print(key) end
        userdata.set("seed", 5); print(userdata.get("seed"), userdata.remove("seed"), userdata.containskey("seed"))
        """
    ) == [
        "48\t4294967295\t2147483648\t-134217728\t2147483648",
        "true\t13330\t2018915346",
        "FF\t1010\ta-b-c\tx",
        "a|b|c\tbcd",
        *["1", "3", "a", "b", "c"],
        "5\ttrue\tfalse",
    ]


def test_random_numbers_are_the_same_in_every_state(tmp_path: Path) -> None:
    source = "print(math.random(1000000), math.random(1000000))"
    first = Script(tmp_path)(source)
    assert Script(tmp_path)(source) == first
