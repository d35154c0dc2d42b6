"""Runs: one experiment from its settings to everything that it leaves on disk.

`resolve` makes a `RunConfig` from a recipe and overrides; `train` and `resume` carry it out in a `RunFolder`;
`load_agent` takes the trained agent out of it again, to be judged (`evaluate_agent`) or filmed (`film_agent`); `replay`
plays movies and compares them with their recordings.
"""
