using System;
using System.Diagnostics;
using System.Threading.Tasks;

namespace Playthrough.Protocol
{
    /// <summary>
    /// The way to Python: connects in the background, and again whenever the connection is lost, ever more slowly while
    /// nobody answers. All methods return at once.
    /// </summary>
    public sealed class Link : IDisposable
    {
        public const string Subprotocol = "playthrough.1";
        private const int MaxPauses = 50;

        private readonly Invitation _invitation;
        private readonly Action<string> _log;
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private Task<WebSocket> _connecting;
        private long _nextTryMs;
        private long _aloneSinceMs;
        private int _pauseMs;
        private bool _trusted;

        public Link(Invitation invitation, Action<string> log)
        {
            _invitation = invitation;
            _pauseMs = invitation.RetryMs;
            _log = log;
        }

        /// <summary>The connection; null while there is none.</summary>
        public WebSocket Connection { get; private set; }

        public bool GivenUp { get; private set; }

        /// <summary>Go on connecting; true at the moment when that succeeds.</summary>
        public bool Advance()
        {
            if (Connection != null || GivenUp)
            {
                return false;
            }
            long nowMs = _clock.ElapsedMilliseconds;
            if (_connecting == null)
            {
                if (nowMs >= _nextTryMs)
                {
                    _connecting = Task.Run(
                        () => WebSocket.Connect(_invitation.Server, Subprotocol, _invitation.TimeoutMs));
                }
                return false;
            }
            if (!_connecting.IsCompleted)
            {
                return false;
            }
            Task<WebSocket> attempt = _connecting;
            _connecting = null;
            if (attempt.IsFaulted)
            {
                Retry(attempt.Exception.GetBaseException().Message);
                return false;
            }
            Connection = attempt.Result;
            return true;
        }

        /// <summary>At the other end is Python, for it asked something: worth coming back to soon.</summary>
        public void Trust()
        {
            _trusted = true;
        }

        /// <summary>The connection is of no use any more.</summary>
        public void Lose(string reason)
        {
            if (Connection != null)
            {
                Connection.Dispose();
                Connection = null;
                if (_trusted)
                {
                    _pauseMs = _invitation.RetryMs;
                    _aloneSinceMs = _clock.ElapsedMilliseconds;
                    _trusted = false;
                }
                Retry(reason);
            }
        }

        public void Dispose()
        {
            GivenUp = true;
            if (Connection != null)
            {
                Connection.Dispose();
                Connection = null;
            }
        }

        private void Retry(string reason)
        {
            long nowMs = _clock.ElapsedMilliseconds;
            if (nowMs - _aloneSinceMs >= _invitation.PatienceMs)
            {
                GivenUp = true;
                _log("no connection to Python: " + reason + "; given up");
                return;
            }
            _log("no connection to Python: " + reason + "; trying again in " + _pauseMs + " ms");
            _nextTryMs = nowMs + _pauseMs;
            _pauseMs = Math.Min(2 * _pauseMs, MaxPauses * _invitation.RetryMs);
        }
    }
}
