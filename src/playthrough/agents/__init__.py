"""Agents: what learns to act in an environment.

An agent knows environments only as `gymnasium.vector.VectorEnv`, so it plays CartPole as well as any game, and it never
touches the disk: `playthrough.runs` stores what a trainer hands out.
"""
