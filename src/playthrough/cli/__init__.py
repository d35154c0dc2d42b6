"""The command line: arguments in, calls, tables and messages out. One file per command, and no logic."""
