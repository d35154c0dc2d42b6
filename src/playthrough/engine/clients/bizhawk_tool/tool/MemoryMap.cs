using System;
using System.Collections.Generic;
using System.Globalization;
using BizHawk.Client.Common;
using Playthrough.Protocol;

namespace Playthrough.Tool
{
    /// <summary>
    /// The game's memory, which BizHawk keeps in domains, at the addresses where the game's own processor sees it.
    /// Bytes come in that processor's order, whatever order the computer has; their meaning is for Python to say.
    /// </summary>
    public sealed class MemoryMap
    {
        private sealed class Part
        {
            public string Domain;
            public uint Offset;
            public Block Block;
        }

        private readonly List<Part> _parts = new List<Part>();
        private readonly List<Block> _blocks = new List<Block>();

        /// <param name="description">`domain,offset,bus address,size;...` in decimal digits. The first domain that has
        /// an address counts; domains that a game lacks are left out, and so is what lies behind the end of one. If
        /// none is left, the main memory is mapped from 0 on.</param>
        public MemoryMap(string description, IMemoryApi memory)
        {
            var domains = new HashSet<string>(memory.GetMemoryDomainList());
            foreach (string entry in description.Split(new[] { ';' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] fields = entry.Split(',');
                if (fields.Length != 4)
                {
                    throw new FormatException(
                        "PLAYTHROUGH_MEMORY holds " + entry + "; expected domain,offset,address,size");
                }
                if (domains.Contains(fields[0]))
                {
                    Map(fields[0], Number(fields[1]), Number(fields[2]), Number(fields[3]), memory);
                }
            }
            if (_parts.Count == 0)
            {
                Map(memory.MainMemoryName, 0, 0, uint.MaxValue, memory);
            }
            _parts.Sort((one, other) => one.Block.Address.CompareTo(other.Block.Address));
            foreach (Part part in _parts)
            {
                _blocks.Add(part.Block);
            }
        }

        public IList<Block> Blocks => _blocks;

        public void Read(IMemoryApi memory, uint address, int count, byte[] into, int at)
        {
            while (count > 0)
            {
                int part = Find(address, count, out string domain, out long place);
                IReadOnlyList<byte> bytes = memory.ReadByteRange(place, part, domain);
                for (int i = 0; i < part; i++)
                {
                    into[at + i] = bytes[i];
                }
                address += (uint)part;
                at += part;
                count -= part;
            }
        }

        public void Write(IMemoryApi memory, uint address, byte[] data, int at, int count)
        {
            while (count > 0)
            {
                int part = Find(address, count, out string domain, out long place);
                memory.WriteByteRange(place, new ArraySegment<byte>(data, at, part), domain);
                address += (uint)part;
                at += part;
                count -= part;
            }
        }

        private void Map(string domain, uint offset, uint address, uint size, IMemoryApi memory)
        {
            uint whole = memory.GetMemoryDomainSize(domain);
            size = Math.Min(size, whole > offset ? whole - offset : 0);
            ulong end = (ulong)address + size;
            bool taken = _parts.Exists(
                part => address < (ulong)part.Block.Address + part.Block.Size && part.Block.Address < end);
            if (size > 0 && !taken)
            {
                _parts.Add(new Part { Domain = domain, Offset = offset, Block = new Block(address, size) });
            }
        }

        private static uint Number(string digits)
        {
            return uint.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        // Where an address lies, and how many of so many bytes lie there side by side.
        private int Find(uint address, int count, out string domain, out long place)
        {
            foreach (Part part in _parts)
            {
                uint inside = address - part.Block.Address;
                if (address >= part.Block.Address && inside < part.Block.Size)
                {
                    domain = part.Domain;
                    place = (long)part.Offset + inside;
                    return (int)Math.Min((uint)count, part.Block.Size - inside);
                }
            }
            throw new ArgumentOutOfRangeException("address", "address " + address + " is not mapped");
        }
    }
}
