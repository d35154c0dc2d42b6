"""Learners of stable-baselines3 and sb3-contrib: PPO, A2C, QR-DQN, maskable and recurrent PPO.

The libraries keep their algorithms; what stands here is around them: `vec_env` brings any Gymnasium vector environment
to them, `options` says what can be set, `learners` runs one update after another and gives its whole state as arrays,
`policy` is what has been learned. `options` can be imported without torch.
"""
