from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from stable_baselines3.common.buffers import RolloutBuffer  # noqa: E402

from playthrough.agents.deep.sb3.replay import StepReplay  # noqa: E402
from playthrough.agents.deep.sb3.rollout import ResidentRolloutBuffer  # noqa: E402

LANES = 2
NUMBER = spaces.Box(0, 1e6, (1,), np.float32)
PICTURE = spaces.Box(0, 255, (3, 8, 8), np.uint8)


def test_a_replay_gives_what_really_followed():
    """Observations count up; lane 0 ends every 4 steps, lane 1 is cut off every 5 steps."""
    replay = StepReplay(40, NUMBER, spaces.Discrete(7), "cpu", LANES)
    random = np.random.default_rng(0)
    taken: dict[tuple[int, float], tuple[int, float]] = {}
    lane_marks = np.array([[0.0], [10_000.0]], np.float32)
    observations = lane_marks.copy()
    np.random.seed(0)
    for step in range(60):
        actions, rewards = random.integers(0, 7, LANES), random.random(LANES).astype(np.float32)
        followed = observations + 1
        ended = np.array([step % 4 == 3, step % 5 == 4])
        infos = [{"TimeLimit.truncated": lane == 1} if ended[lane] else {} for lane in range(LANES)]
        for lane in range(LANES):
            taken[lane, float(observations[lane, 0])] = (int(actions[lane]), float(rewards[lane]))
        replay.add(observations, followed, actions, rewards, ended, infos)
        observations = np.where(ended[:, None], followed + 100, followed)  # the next episode begins elsewhere
        if step < 3:
            continue
        drawn = replay.sample(64)
        before, after = drawn.observations.numpy()[:, 0], drawn.next_observations.numpy()[:, 0]
        lanes = (before >= 10_000).astype(int)
        is_last = drawn.dones.numpy()[:, 0] == 1
        assert set(lanes[is_last]) <= {0}, "what was cut off must not count as an end"
        np.testing.assert_array_equal(after[~is_last], before[~is_last] + 1)
        expected = [taken[lane, number] for lane, number in zip(lanes.tolist(), before.tolist(), strict=True)]
        np.testing.assert_array_equal(drawn.actions.numpy()[:, 0], [action for action, _ in expected])
        np.testing.assert_array_equal(drawn.rewards.numpy()[:, 0], np.array([r for _, r in expected], np.float32))
    order = [number for lane, number in taken if lane == 0]
    drawn_of_lane_0 = {float(n) for _ in range(40) for n in replay.sample(64).observations.numpy()[:, 0] if n < 10_000}
    assert drawn_of_lane_0 == set(order[-20:]), "exactly the latest 20 steps of each lane"


def test_a_replay_of_nothing_but_cuts_is_refused():
    replay = StepReplay(10, NUMBER, spaces.Discrete(2), "cpu", 1)
    for _ in range(5):
        cut = [{"TimeLimit.truncated": True}]
        replay.add(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.zeros(1), np.ones(1), cut)
    with pytest.raises(ValueError, match="cut off on nearly every step"):
        replay.sample(4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_minibatches_are_those_of_sb3(channels_last: bool):
    theirs = RolloutBuffer(5, PICTURE, spaces.Discrete(3), "cpu", 0.9, 0.99, LANES)
    ours = ResidentRolloutBuffer(5, PICTURE, spaces.Discrete(3), "cpu", 0.9, 0.99, LANES, channels_last=channels_last)
    random = np.random.default_rng(0)
    for _rollout in range(2):
        for buffer in (theirs, ours):
            buffer.reset()
        for _ in range(5):
            pictures = random.integers(0, 256, (LANES, *PICTURE.shape), np.uint8)
            actions, starts = random.integers(0, 3, (LANES, 1)), random.random(LANES) < 0.3
            rewards = random.random(LANES)
            values, log_probs = (torch.from_numpy(random.random(LANES).astype(np.float32)) for _ in range(2))
            for buffer in (theirs, ours):
                buffer.add(pictures, actions, rewards, starts, values, log_probs)
        for buffer in (theirs, ours):
            buffer.compute_returns_and_advantage(torch.ones(LANES), np.zeros(LANES))
        for _epoch in range(2):
            np.random.seed(3)
            expected = list(theirs.get(4))
            np.random.seed(3)
            got = list(ours.get(4))
            assert len(got) == len(expected) == 3
            for batch, other in zip(got, expected, strict=True):
                for one, two in zip(batch, other, strict=True):
                    assert torch.equal(one, two) and one.dtype == two.dtype
                assert batch.observations.is_contiguous(memory_format=torch.channels_last) is channels_last
