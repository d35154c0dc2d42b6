"""The same scenario as scenario.json and scenario_lua.json, in Python: `prev` is one frame ago, `cur` is now."""


def reward(prev, cur):
    """What this frame earns."""
    total = -0.5 + (cur.xscroll - prev.xscroll)
    total += 10 * max(0, cur.coins - prev.coins)
    total += 1000 * max(0, cur.levels_done - prev.levels_done)
    return total


def done(prev, cur):
    """Whether the episode ends: a life is lost, or the level is done."""
    return cur.lives < prev.lives or cur.levels_done > prev.levels_done
