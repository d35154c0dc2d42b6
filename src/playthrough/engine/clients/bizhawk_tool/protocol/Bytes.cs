using System;
using System.Text;

namespace Playthrough.Protocol
{
    /// <summary>What came does not fit what was announced, or makes no sense.</summary>
    public sealed class BadMessageException : Exception
    {
        public BadMessageException(string message) : base(message)
        {
        }
    }

    /// <summary>Reads little-endian numbers from a part of an array, never past its end.</summary>
    public sealed class ByteReader
    {
        private readonly byte[] _data;
        private readonly int _end;
        private int _at;

        public ByteReader(ArraySegment<byte> data)
        {
            _data = data.Array;
            _at = data.Offset;
            _end = data.Offset + data.Count;
        }

        public int Left => _end - _at;

        public int U8()
        {
            return _data[Take(1)];
        }

        public int U16()
        {
            int at = Take(2);
            return _data[at] | _data[at + 1] << 8;
        }

        public int I16()
        {
            return (short)U16();
        }

        public uint U32()
        {
            int at = Take(4);
            return (uint)(_data[at] | _data[at + 1] << 8 | _data[at + 2] << 16 | _data[at + 3] << 24);
        }

        public ulong U64()
        {
            ulong low = U32();
            return low | (ulong)U32() << 32;
        }

        public ArraySegment<byte> Bytes(int count)
        {
            return new ArraySegment<byte>(_data, Take(count), count);
        }

        public string Utf8(int count)
        {
            return Encoding.UTF8.GetString(_data, Take(count), count);
        }

        private int Take(int count)
        {
            if (count < 0 || count > Left)
            {
                throw new BadMessageException("a message ends " + ((long)count - Left) + " bytes too early");
            }
            int at = _at;
            _at += count;
            return at;
        }
    }

    /// <summary>
    /// Writes little-endian numbers into an array that grows and is used again. Some bytes stay free at its beginning,
    /// so that whoever sends the message can put a head before it without copying it.
    /// </summary>
    public sealed class ByteWriter
    {
        public const int FreeBytes = 16;
        private const int PixelsAtOnce = 1024;

        private readonly uint[] _pixels = new uint[PixelsAtOnce];
        private byte[] _data = new byte[1 << 12];
        private int _end = FreeBytes;

        public byte[] Data => _data;

        /// <summary>How many bytes were written, without the free ones before them.</summary>
        public int Count => _end - FreeBytes;

        public void Clear()
        {
            _end = FreeBytes;
        }

        public void U8(int value)
        {
            int at = Extend(1); // first, for it may bring another array
            _data[at] = (byte)value;
        }

        public void U16(int value)
        {
            int at = Extend(2);
            _data[at] = (byte)value;
            _data[at + 1] = (byte)(value >> 8);
        }

        public void U32(uint value)
        {
            PatchU32(Extend(4) - FreeBytes, value);
        }

        /// <summary>Write over four bytes, `at` bytes behind the first that was written.</summary>
        public void PatchU32(int at, uint value)
        {
            at += FreeBytes;
            _data[at] = (byte)value;
            _data[at + 1] = (byte)(value >> 8);
            _data[at + 2] = (byte)(value >> 16);
            _data[at + 3] = (byte)(value >> 24);
        }

        public void Bytes(byte[] bytes, int from, int count)
        {
            int at = Extend(count);
            Buffer.BlockCopy(bytes, from, _data, at, count);
        }

        public void Bytes(byte[] bytes)
        {
            Bytes(bytes, 0, bytes.Length);
        }

        /// <summary>An ASCII text behind a byte with its length.</summary>
        public void ShortText(string text)
        {
            byte[] bytes = Encoding.ASCII.GetBytes(text.Length > 255 ? text.Substring(0, 255) : text);
            U8(bytes.Length);
            Bytes(bytes);
        }

        /// <summary>Room for so many bytes, to be filled by the caller; gives where it begins in `Data`.</summary>
        public int Room(int count)
        {
            return Extend(count);
        }

        /// <summary>Pixels as four bytes each: X, red, green, blue.</summary>
        /// <param name="argb">One number for each pixel, blue in its lowest byte, as emulators keep them.</param>
        public void Pixels(int[] argb, int count)
        {
            int to = Extend(4 * count);
            for (int from = 0; from < count; from += PixelsAtOnce)
            {
                int part = Math.Min(PixelsAtOnce, count - from);
                for (int i = 0; i < part; i++)
                {
                    uint pixel = (uint)argb[from + i];
                    _pixels[i] = pixel << 24 | (pixel & 0xFF00) << 8 | pixel >> 8 & 0xFF00 | pixel >> 24;
                }
                Buffer.BlockCopy(_pixels, 0, _data, to + 4 * from, 4 * part);
            }
        }

        private int Extend(int count)
        {
            int at = _end;
            long needed = (long)at + count;
            if (needed > _data.Length)
            {
                if (needed > Message.MaxBytes)
                {
                    throw new BadMessageException("the answer would have more than " + Message.MaxBytes + " bytes");
                }
                Array.Resize(ref _data, (int)Math.Min(Message.MaxBytes, Math.Max(needed, 2L * _data.Length)));
            }
            _end = (int)needed;
            return at;
        }
    }
}
