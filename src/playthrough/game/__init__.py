"""What a game means: its variables, rewards, ends, actions, states, movies and ROMs."""
