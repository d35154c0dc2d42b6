"""`playthrough lua`."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

from tiny_cores import REPOSITORY

WICKLING = REPOSITORY / "games" / "Wickling-Nes" / "rom.nes"
SCRIPT = """
while true do
    gui.drawBox(0, 0, 40, 40, "red", "red")
    joypad.set({["P1 Start"] = emu.framecount() == 30})
    if emu.framecount() % 20 == 0 then print("frame " .. emu.framecount()) end
    emu.frameadvance()
end
"""


def test_a_script_runs_for_its_frames_and_is_filmed(run: Any, tmp_path: Path) -> None:
    import av

    (tmp_path / "a.lua").write_text(SCRIPT)
    video = tmp_path / "a.mp4"
    result = run("lua", tmp_path / "a.lua", "--rom", WICKLING, "--frames", 60, "--video", video)
    assert result.exit_code == 0, result.output
    assert "frame 40" in result.stdout and "60 frames" in result.stdout
    with av.open(str(video)) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(pictures) == 60 and pictures[0].shape == (448, 480, 3)
    assert pictures[30][20, 20, 0] > 200 > 60 > pictures[30][20, 20, 1]


def test_a_start_state_and_the_scripts_own_end(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("print(mainmemory.readbyte(0x75C)); emu.frameadvance(); client.exitCode(3)")
    state = WICKLING.parent / "Level1-3.state"
    result = run("lua", tmp_path / "a.lua", "--rom", WICKLING, "--state", state)
    assert result.exit_code == 3 and result.stdout.startswith("2\n") and "1 frame" in result.stdout


def test_wrong_use_is_one_clear_error(run: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.lua").write_text("\nclient.opentasstudio()")
    for arguments, words in (
        (["nothing.lua"], "there is no such script"),
        ([tmp_path / "bad.lua", "--rom", tmp_path / "none.nes"], "there is no such ROM"),
        ([tmp_path / "bad.lua", "--rom", WICKLING], "bad.lua:2: client.opentasstudio is not supported"),
        ([tmp_path / "bad.lua", "--rom", WICKLING, "--video", "a.mp4"], "--video needs --frames"),
        ([tmp_path / "bad.lua", "--state", "x"], "--state needs --rom"),
    ):
        result = run("lua", *arguments)
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.split()).replace("bad.lua: 2", "bad.lua:2")


def test_a_script_talks_to_a_server(run: Any, tmp_path: Path) -> None:
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(100))
            connection.sendall(b"6 h\xc3\xa9llo")
            size = b""
            while not size.endswith(b" "):
                size += connection.recv(1)
            heard.append(connection.recv(int(size), socket.MSG_WAITALL))

    (tmp_path / "a.lua").write_text(
        """
        emu.frameadvance()
        print(comm.socketServerSend("frame " .. emu.framecount()), comm.socketServerResponse())
        print(comm.socketServerScreenShot(), comm.socketServerIsConnected())
        print("[" .. comm.socketServerResponse() .. "]") -- the server is gone by then
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        result = run("lua", tmp_path / "a.lua", "--rom", WICKLING, "--socket-ip", "127.0.0.1", "--socket-port", port)
        thread.join(10)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:3] == ["9\théllo", "Screenshot was sent\ttrue", "[]"]
    assert heard[0] == b"7 frame 1" and heard[1].startswith(b"\x89PNG") and heard[1].endswith(b"IEND\xaeB`\x82")


def test_what_a_script_does_on_its_exit_is_done(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text(
        """
        event.onexit(function() print("bye"); emu.frameadvance() end)
        while true do emu.frameadvance() end
        """
    )
    result = run("lua", tmp_path / "a.lua", "--rom", WICKLING, "--frames", 5)
    assert result.exit_code == 0 and result.stdout.startswith("bye\n5 frames")
