using System;

namespace Playthrough.Protocol
{
    /// <summary>What a message is. Questions are below 64, answers from 64 on; wire.py is the other end.</summary>
    public enum Kind
    {
        Configure = 1,
        Run = 2,
        Save = 3,
        Load = 4,
        Read = 5,
        Write = 6,
        Picture = 7,
        Quit = 8,
        Draw = 9,
        Speed = 10,
        Hello = 64,
        Done = 65,
        Ran = 66,
        Data = 67,
        Shown = 68,
        Failed = 69,
    }

    /// <summary>
    /// A message is twelve bytes (magic, version, kind, two zeros, length of the rest) and the rest. All numbers are
    /// little endian. One WebSocket message holds exactly one of them.
    /// </summary>
    public static class Message
    {
        public const int MaxBytes = 1 << 26;
        private const int HeadBytes = 12;
        private const uint Magic = 'P' | 'T' << 8 | 'R' << 16 | (uint)'C' << 24;
        private const int Version = 1;

        /// <summary>Begin a message; `End` writes how long it became.</summary>
        public static void Begin(ByteWriter writer, Kind kind)
        {
            writer.Clear();
            writer.U32(Magic);
            writer.U8(Version);
            writer.U8((int)kind);
            writer.U16(0);
            writer.U32(0);
        }

        public static void End(ByteWriter writer)
        {
            writer.PatchU32(HeadBytes - 4, (uint)(writer.Count - HeadBytes));
        }

        /// <summary>The kind of a whole message, and what it carries.</summary>
        public static Kind Open(ArraySegment<byte> message, out ArraySegment<byte> payload)
        {
            var head = new ByteReader(message);
            if (head.Left < HeadBytes || head.U32() != Magic)
            {
                throw new BadMessageException("Python sent something that is no message");
            }
            int version = head.U8();
            int kind = head.U8();
            int zero = head.U16();
            uint length = head.U32();
            if (version != Version || zero != 0)
            {
                throw new BadMessageException(
                    "Python speaks version " + version + " of the protocol instead of " + Version +
                    "; build the tool from the installed package");
            }
            if (length != head.Left)
            {
                throw new BadMessageException(
                    "Python announced " + length + " bytes and sent " + head.Left);
            }
            payload = head.Bytes(head.Left);
            return (Kind)kind;
        }
    }
}
