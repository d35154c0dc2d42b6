"""Claims about speed, one file each: every figure is a ratio between two sides of the same run, in turns."""
