using System;
using System.Collections.Generic;

namespace Playthrough.Protocol
{
    /// <summary>A number to read from memory after every frame.</summary>
    public sealed class Probe
    {
        private readonly char _format;
        private readonly bool _masked;
        private readonly ulong _mask;
        private readonly int[] _order;

        public Probe(ByteReader reader)
        {
            Address = reader.U32();
            Width = reader.U8();
            int format = reader.U8();
            if (format > 3 || Width == 0)
            {
                throw new BadMessageException("a probe of format " + format + " and " + Width + " bytes");
            }
            _format = "uidn"[format];
            _masked = reader.U8() != 0;
            _mask = reader.U64();
            _order = new int[reader.U8()];
            for (int i = 0; i < _order.Length; i++)
            {
                _order[i] = reader.U8();
                if (_order[i] >= Width)
                {
                    throw new BadMessageException("a probe of " + Width + " bytes counts byte " + _order[i]);
                }
            }
        }

        public uint Address { get; }

        public int Width { get; }

        /// <summary>The number that its bytes stand for. Digits above 9 wrap around, as in probes.py.</summary>
        public double Decode(byte[] data, int at)
        {
            ulong value = 0;
            foreach (int offset in _order)
            {
                uint digit = data[at + offset];
                switch (_format)
                {
                    case 'd':
                        value = value * 100 + digit / 16 % 10 * 10 + digit % 16 % 10;
                        break;
                    case 'n':
                        value = value * 10 + digit % 16 % 10;
                        break;
                    default:
                        value = value << 8 | digit;
                        break;
                }
            }
            long number = (long)value;
            if (_format == 'i' && _order.Length < 8)
            {
                int unused = 64 - 8 * _order.Length;
                number = number << unused >> unused;
            }
            return _masked ? number & (long)_mask : number;
        }
    }

    /// <summary>A comparison of one probe, now or against the frame before.</summary>
    internal sealed class Measure
    {
        private const int Infinity = 0x7FFF;

        private readonly bool _delta;
        private readonly int _op;
        private readonly double _reference;

        public Measure(ByteReader reader, int numProbes)
        {
            Probe = reader.U16();
            _delta = reader.U8() != 0;
            _op = reader.U8();
            bool negative = reader.U8() != 0;
            ulong number = reader.U64();
            int exponent = reader.I16();
            if (Probe >= numProbes || _op > 12)
            {
                throw new BadMessageException("a comparison " + _op + " of probe " + Probe + " of " + numProbes);
            }
            // Number and power of two; both factors alone may lie outside of what a double holds.
            double size = exponent == Infinity
                ? double.PositiveInfinity
                : number * Math.Pow(2, exponent / 2) * Math.Pow(2, exponent - exponent / 2);
            _reference = negative ? -size : size;
        }

        public int Probe { get; }

        public bool Holds(double[] now, double[] before)
        {
            double value = _delta ? now[Probe] - before[Probe] : now[Probe];
            switch (_op) // in the order of probes.Op
            {
                case 1: return value == _reference;
                case 2: return value != _reference;
                case 3: return value == -_reference;
                case 4: return value < _reference;
                case 5: return value > _reference;
                case 6: return value <= _reference;
                case 7: return value >= _reference;
                case 8: return value == 0;
                case 9: return value != 0;
                case 11: return value < 0;
                default: return value > 0;
            }
        }
    }

    /// <summary>Says from measures whether the game ended: all of them hold, or any of them does.</summary>
    internal sealed class StopNode
    {
        private const int MaxDepth = 64;

        private readonly bool _all;
        private readonly Measure[] _measures;
        private readonly StopNode[] _nodes;

        public StopNode(ByteReader reader, int numProbes, int depth = 0)
        {
            if (depth > MaxDepth)
            {
                throw new BadMessageException("a stop program nested more than " + MaxDepth + " deep");
            }
            _all = reader.U8() != 0;
            var measures = new List<Measure>();
            for (int left = reader.U16(); left > 0; left--)
            {
                measures.Add(new Measure(reader, numProbes));
            }
            var nodes = new List<StopNode>();
            for (int left = reader.U16(); left > 0; left--)
            {
                nodes.Add(new StopNode(reader, numProbes, depth + 1));
            }
            _measures = measures.ToArray();
            _nodes = nodes.ToArray();
        }

        public bool Holds(double[] now, double[] before)
        {
            foreach (Measure measure in _measures)
            {
                if (measure.Holds(now, before) != _all)
                {
                    return !_all;
                }
            }
            foreach (StopNode node in _nodes)
            {
                if (node.Holds(now, before) != _all)
                {
                    return !_all;
                }
            }
            return _all;
        }

        public void NoteUsed(bool[] used)
        {
            foreach (Measure measure in _measures)
            {
                used[measure.Probe] = true;
            }
            foreach (StopNode node in _nodes)
            {
                node.NoteUsed(used);
            }
        }
    }

    /// <summary>What Python configured: the probes of a sample, side by side, and the stop program.</summary>
    public sealed class Configuration
    {
        private readonly StopNode _stop;
        private readonly List<int> _used = new List<int>();
        private readonly int[] _starts;

        public Configuration()
        {
            Probes = new Probe[0];
            _starts = new int[0];
        }

        public Configuration(ArraySegment<byte> payload)
        {
            var reader = new ByteReader(payload);
            int count = reader.U16();
            var probes = new List<Probe>();
            _starts = new int[count];
            for (int i = 0; i < count; i++)
            {
                probes.Add(new Probe(reader));
                _starts[i] = SampleBytes;
                SampleBytes += probes[i].Width;
            }
            Probes = probes.ToArray();
            if (reader.U8() != 0)
            {
                _stop = new StopNode(reader, count);
                var used = new bool[count];
                _stop.NoteUsed(used);
                for (int i = 0; i < count; i++)
                {
                    if (used[i])
                    {
                        _used.Add(i);
                    }
                }
            }
            if (reader.Left > 0)
            {
                throw new BadMessageException("a configuration with " + reader.Left + " bytes too many");
            }
        }

        public Probe[] Probes { get; }

        public int SampleBytes { get; }

        public bool HasStop => _stop != null;

        /// <summary>The numbers that the stop program needs, from the bytes of one sample.</summary>
        public void Values(byte[] data, int at, double[] into)
        {
            foreach (int i in _used)
            {
                into[i] = Probes[i].Decode(data, at + _starts[i]);
            }
        }

        public bool Ends(double[] now, double[] before)
        {
            return _stop.Holds(now, before);
        }
    }
}
