"""Deep reinforcement learning: PPO, A2C, QR-DQN, recurrent and masked PPO by stable-baselines3, and our own Rainbow."""
