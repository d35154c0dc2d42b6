"""The reference: stable-retro, run in processes of its own, because importing it loads its own emulator.

`client.start` and `client.run` start such a process and read what it recorded; `inputs` and `games` serve both sides.
"""
