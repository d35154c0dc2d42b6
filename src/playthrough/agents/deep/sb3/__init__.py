"""Learners of stable-baselines3 and sb3-contrib: PPO, A2C, QR-DQN, maskable and recurrent PPO.

The libraries keep their algorithms; what stands here is around them: `vec_env` brings any Gymnasium vector environment
to them, `options` says what can be set, `learners` runs one update after another and gives its whole state as arrays,
`policy` is what has been learned. `options` can be imported without torch.
"""

import os

# PyTorch's threads go on spinning for milliseconds when they have nothing to do, on the very processors that the
# emulators are to run on next: playing took 1.4 times as long on 2 cores. They read this when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
