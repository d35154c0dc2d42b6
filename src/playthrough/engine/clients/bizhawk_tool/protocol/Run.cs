using System;

namespace Playthrough.Protocol
{
    /// <summary>Frames that Python asked for: their buttons, a sample after each, and the last pictures.</summary>
    internal sealed class Run
    {
        private const uint MaxFrames = 1 << 20;

        private readonly IGame _game;
        private readonly Configuration _setup;
        private readonly ByteReader _buttons;
        private readonly uint _frames;
        private readonly int _numPictures;
        private readonly bool _stopping;
        private readonly int[] _masks;
        private readonly byte[] _samples;
        private readonly ByteWriter _older;
        private double[] _now;
        private double[] _before;
        private uint _played;
        private bool _ended;

        /// <param name="older">Where the last picture but one is kept.</param>
        public Run(IGame game, Configuration setup, ArraySegment<byte> payload, ByteWriter older)
        {
            var reader = new ByteReader(payload);
            _game = game;
            _setup = setup;
            _older = older;
            _frames = reader.U32();
            _masks = new int[reader.U8()];
            _numPictures = reader.U8();
            _stopping = reader.U8() != 0 && setup.HasStop;
            ArraySegment<byte> before = reader.Bytes(setup.SampleBytes);
            long sampleBytes = (long)_frames * setup.SampleBytes;
            if (_frames == 0 || _frames > MaxFrames || sampleBytes > Message.MaxBytes || _numPictures > 2 ||
                reader.Left != 2L * _frames * _masks.Length)
            {
                throw new BadMessageException(
                    "a run of " + _frames + " frames, " + _masks.Length + " ports and " + _numPictures +
                    " pictures in " + payload.Count + " bytes");
            }
            // The message lies where the next one will be read.
            var buttons = new byte[reader.Left];
            ArraySegment<byte> rest = reader.Bytes(reader.Left);
            Buffer.BlockCopy(rest.Array, rest.Offset, buttons, 0, buttons.Length);
            _buttons = new ByteReader(new ArraySegment<byte>(buttons));
            _samples = new byte[sampleBytes];
            if (_stopping)
            {
                _now = new double[setup.Probes.Length];
                _before = new double[setup.Probes.Length];
                setup.Values(before.Array, before.Offset, _before);
            }
        }

        /// <summary>What is pressed on the next frame.</summary>
        public int[] Masks()
        {
            for (int port = 0; port < _masks.Length; port++)
            {
                _masks[port] = _buttons.U16();
            }
            return _masks;
        }

        /// <summary>A frame was played; true if it was the last.</summary>
        public bool AfterFrame()
        {
            int start = (int)_played * _setup.SampleBytes;
            int at = start;
            foreach (Probe probe in _setup.Probes)
            {
                _game.Read(probe.Address, probe.Width, _samples, at);
                at += probe.Width;
            }
            _played++;
            if (_stopping)
            {
                _setup.Values(_samples, start, _now);
                _ended = _setup.Ends(_now, _before);
                double[] swapped = _before;
                _before = _now;
                _now = swapped;
            }
            if (_ended || _played == _frames)
            {
                return true;
            }
            // The last but one: with a stop program, any frame may turn out to be it.
            if (_numPictures == 2 && (_stopping || _played == _frames - 1))
            {
                _older.Clear();
                Write(_game.Look(), _older);
            }
            return false;
        }

        /// <summary>The answer, after the last frame.</summary>
        public void Write(ByteWriter answer)
        {
            int count = (int)Math.Min(_numPictures, _played);
            answer.U32(_played);
            answer.U8(_ended ? 1 : 0);
            answer.U8(count);
            answer.Bytes(_samples, 0, (int)_played * _setup.SampleBytes);
            if (count == 2)
            {
                answer.Bytes(_older.Data, ByteWriter.FreeBytes, _older.Count);
            }
            if (count > 0)
            {
                Write(_game.Look(), answer);
            }
        }

        public static void Write(Picture picture, ByteWriter answer)
        {
            int size = picture.Width * picture.Height;
            answer.U16(picture.Width);
            answer.U16(picture.Height);
            answer.U32(4 * (uint)size);
            answer.Pixels(picture.Pixels, size);
        }
    }
}
