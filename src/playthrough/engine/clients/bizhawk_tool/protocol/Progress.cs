using System.Diagnostics;

namespace Playthrough.Protocol
{
    /// <summary>What the panel shows: how far the player is, how far it ever was, and how fast the game runs.</summary>
    public sealed class Progress
    {
        private const long SpanMs = 1000;

        private readonly Probe _position;
        private readonly byte[] _raw;
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private long _framesAtSpan;
        private long _spanMs;

        /// <param name="position">Where the player's position stands; null if that is not known.</param>
        public Progress(Probe position)
        {
            _position = position;
            _raw = new byte[position == null ? 0 : position.Width];
        }

        public bool HasPosition => _position != null;

        public double Position { get; private set; }

        /// <summary>The furthest position since a state was loaded: the fitness of this episode.</summary>
        public double Fitness { get; private set; }

        /// <summary>The furthest position of all episodes.</summary>
        public double Best { get; private set; }

        public long Frames { get; private set; }

        public double FramesPerSecond { get; private set; }

        /// <summary>A new episode begins here.</summary>
        public void Restart(IGame game)
        {
            Fitness = 0;
            Look(game);
        }

        public void AfterFrame(IGame game)
        {
            Frames++;
            Look(game);
            long nowMs = _clock.ElapsedMilliseconds;
            if (nowMs - _spanMs >= SpanMs)
            {
                FramesPerSecond = 1000.0 * (Frames - _framesAtSpan) / (nowMs - _spanMs);
                _framesAtSpan = Frames;
                _spanMs = nowMs;
            }
        }

        private void Look(IGame game)
        {
            if (_position == null)
            {
                return;
            }
            game.Read(_position.Address, _position.Width, _raw, 0);
            Position = _position.Decode(_raw, 0);
            if (Position > Fitness)
            {
                Fitness = Position;
            }
            if (Fitness > Best)
            {
                Best = Fitness;
            }
        }
    }
}
