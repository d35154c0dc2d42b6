using System;

namespace Playthrough.Protocol
{
    /// <summary>
    /// Answers Python's questions, one message for each, as playthrough.lua does in other emulators. A run is answered
    /// after its last frame; while it lasts, the emulator plays and tells of every frame. When Python takes its time,
    /// the emulator is paused, so that its window stays alive.
    /// </summary>
    public sealed class Client : IDisposable
    {
        private const int ExitGivenUp = 1;
        private const int ExitNoStart = 3;

        private readonly IGame _game;
        private readonly Invitation _invitation;
        private readonly Action<string> _log;
        private readonly Link _link;
        private readonly ByteWriter _answer = new ByteWriter();
        private readonly ByteWriter _older = new ByteWriter();
        private Configuration _setup = new Configuration();
        private Run _run;
        private bool _busy;
        private bool _started;
        private bool _ended;

        public Client(IGame game, Invitation invitation, Action<string> log)
        {
            _game = game;
            _invitation = invitation;
            _log = log;
            _link = new Link(invitation, log);
            Progress = new Progress(invitation.Position);
        }

        public Progress Progress { get; }

        public bool IsConnected => _link.Connection != null;

        /// <summary>The emulator is paused; it calls this many times a second.</summary>
        public void Idle()
        {
            if (_busy || _ended)
            {
                return;
            }
            _busy = true; // what the answers do may make the emulator call again
            try
            {
                if (!_started && !Start())
                {
                    return;
                }
                if (_link.Advance())
                {
                    Greet();
                }
                if (_link.GivenUp)
                {
                    End(ExitGivenUp);
                    return;
                }
                Serve(0);
                if (_run != null)
                {
                    _game.Resume();
                }
            }
            finally
            {
                _busy = false;
            }
        }

        /// <summary>A frame is about to be played.</summary>
        public void BeforeFrame()
        {
            if (_busy)
            {
                return;
            }
            // Somebody let the emulator run on his own: the frame has to wait for Python, who counts them.
            while (_run == null && _started && !_ended && IsConnected)
            {
                Guarded(_invitation.WaitMs);
            }
            if (_run != null)
            {
                _game.Press(_run.Masks());
            }
        }

        /// <summary>A frame was played.</summary>
        public void AfterFrame()
        {
            if (_busy)
            {
                return;
            }
            if (_run == null)
            {
                _game.Pause();
                return;
            }
            _game.AfterFrame();
            Progress.AfterFrame(_game);
            try
            {
                if (!_run.AfterFrame())
                {
                    return;
                }
                Message.Begin(_answer, Kind.Ran);
                _run.Write(_answer);
            }
            catch (Exception problem) when (IsAnswerable(problem))
            {
                Fail(problem);
            }
            _run = null;
            Reply();
            Guarded(_invitation.WaitMs);
            if (_run == null)
            {
                _game.Pause();
            }
        }

        public void Dispose()
        {
            _link.Dispose();
        }

        /// <summary>The emulator loaded a game: whatever was going on is over.</summary>
        public void Restart()
        {
            if (!_busy && _started)
            {
                _started = false;
                Lose("a game was loaded in the emulator");
            }
        }

        private bool Start()
        {
            try
            {
                _game.Start();
                _started = true;
            }
            catch (Exception problem) when (IsAnswerable(problem))
            {
                _log("cannot start: " + problem.Message);
                End(ExitNoStart);
            }
            return _started;
        }

        private void End(int exitCode)
        {
            _ended = true; // the emulator may go on for a while
            _game.Quit(exitCode);
        }

        private void Guarded(int waitMs)
        {
            _busy = true;
            try
            {
                Serve(waitMs);
            }
            finally
            {
                _busy = false;
            }
        }

        // Answers questions until one asks for frames, or none comes for so long.
        private void Serve(int waitMs)
        {
            while (_run == null && IsConnected)
            {
                try
                {
                    if (!_link.Connection.Receive(waitMs, out ArraySegment<byte> message))
                    {
                        return;
                    }
                    Kind kind = Message.Open(message, out ArraySegment<byte> payload);
                    _link.Trust();
                    if (kind == Kind.Quit)
                    {
                        End(0);
                        return;
                    }
                    Answer(kind, payload);
                    waitMs = _invitation.WaitMs; // where one question comes, others may follow
                }
                catch (ConnectionLostException loss)
                {
                    Lose(loss.Message);
                }
                catch (BadMessageException nonsense)
                {
                    Lose(nonsense.Message);
                }
            }
        }

        private void Lose(string reason)
        {
            _run = null;
            _link.Lose(reason);
        }

        private void Greet()
        {
            _setup = new Configuration();
            Message.Begin(_answer, Kind.Hello);
            _answer.ShortText(_invitation.Token);
            _answer.ShortText(_game.Program);
            foreach (Block block in _game.Blocks)
            {
                _answer.U32(block.Address);
                _answer.U32(block.Size);
            }
            Reply();
        }

        private void Reply()
        {
            try
            {
                Message.End(_answer);
                _link.Connection?.Send(_answer);
            }
            catch (ConnectionLostException loss)
            {
                Lose(loss.Message);
            }
        }

        private void Answer(Kind kind, ArraySegment<byte> payload)
        {
            try
            {
                if (kind == Kind.Run)
                {
                    _run = new Run(_game, _setup, payload, _older);
                    return;
                }
                Prepare(kind, payload);
            }
            catch (Exception problem) when (IsAnswerable(problem))
            {
                Fail(problem);
            }
            Reply();
        }

        private void Prepare(Kind kind, ArraySegment<byte> payload)
        {
            var reader = new ByteReader(payload);
            switch (kind)
            {
                case Kind.Configure:
                    var setup = new Configuration(payload);
                    foreach (Probe probe in setup.Probes)
                    {
                        RequireMapped(probe.Address, (uint)probe.Width);
                    }
                    _setup = setup;
                    Message.Begin(_answer, Kind.Done);
                    break;
                case Kind.Save:
                    byte[] state = _game.Save();
                    Message.Begin(_answer, Kind.Data);
                    _answer.Bytes(state);
                    break;
                case Kind.Load:
                    if (payload.Count == 0)
                    {
                        _game.PowerOn();
                    }
                    else
                    {
                        var content = new byte[payload.Count];
                        Buffer.BlockCopy(payload.Array, payload.Offset, content, 0, content.Length);
                        _game.Load(content);
                    }
                    Progress.Restart(_game);
                    Message.Begin(_answer, Kind.Done);
                    break;
                case Kind.Read:
                    Message.Begin(_answer, Kind.Data);
                    while (reader.Left > 0)
                    {
                        uint address = reader.U32();
                        uint size = reader.U32();
                        RequireMapped(address, size);
                        int at = _answer.Room((int)size);
                        _game.Read(address, (int)size, _answer.Data, at);
                    }
                    break;
                case Kind.Write:
                    uint place = reader.U32();
                    RequireMapped(place, (uint)reader.Left);
                    _game.Write(place, payload.Array, payload.Offset + 4, reader.Left);
                    Message.Begin(_answer, Kind.Done);
                    break;
                case Kind.Picture:
                    Message.Begin(_answer, Kind.Shown);
                    Run.Write(_game.Look(), _answer);
                    break;
                case Kind.Draw:
                    _game.SetOverlay(Shape.ReadAll(reader));
                    Message.Begin(_answer, Kind.Done);
                    break;
                case Kind.Speed:
                    int speed = reader.U8();
                    if (speed > (int)Speed.Paused)
                    {
                        throw new BadMessageException("a speed of the unknown kind " + speed);
                    }
                    _game.SetSpeed((Speed)speed);
                    Message.Begin(_answer, Kind.Done);
                    break;
                default:
                    throw new BadMessageException("this tool knows no question of kind " + (int)kind);
            }
        }

        private void RequireMapped(uint address, uint size)
        {
            // Blocks may touch, and a range may cover several of them.
            ulong at = address;
            ulong end = at + size;
            bool found = true;
            while (at < end && found)
            {
                found = false;
                foreach (Block block in _game.Blocks)
                {
                    if (block.Address <= at && at < (ulong)block.Address + block.Size)
                    {
                        at = (ulong)block.Address + block.Size;
                        found = true;
                    }
                }
            }
            if (!found)
            {
                throw new BadMessageException("address " + at + " is not mapped");
            }
        }

        private void Fail(Exception problem)
        {
            _log("a question of Python's failed: " + problem.Message);
            Message.Begin(_answer, Kind.Failed);
            _answer.Bytes(System.Text.Encoding.UTF8.GetBytes(problem.Message));
        }

        // What the emulator throws is Python's to hear; the connection's own troubles are not.
        private static bool IsAnswerable(Exception problem)
        {
            return !(problem is ConnectionLostException) && !(problem is OutOfMemoryException);
        }
    }
}
