"""Run to the right and jump at the right time: what a short level pays, for an agent that only has A.

Amounts are for steps of five frames: a goal is worth 100, a death -1, a step forward 0.1, a step without progress
-0.01. Each frame brings a fifth of what its step does.
"""

FRAMES_PER_STEP = 5
DYING, FLAGPOLE = 11, 4


def reward(prev, cur):
    """What this frame earns."""
    if cur.player_state == FLAGPOLE and prev.player_state != FLAGPOLE:
        return 100.0
    if died(prev, cur):
        return -1.0
    return (0.1 if cur.x > prev.x else -0.01) / FRAMES_PER_STEP


def died(prev, cur):
    """Whether this frame is the one on which a life is lost."""
    is_dying = cur.player_state == DYING and prev.player_state != DYING
    return is_dying or cur.lives < prev.lives


def done(prev, cur):
    """Whether the episode ends: at the flagpole, or with a life."""
    return died(prev, cur) or (cur.player_state == FLAGPOLE and prev.player_state != FLAGPOLE)
