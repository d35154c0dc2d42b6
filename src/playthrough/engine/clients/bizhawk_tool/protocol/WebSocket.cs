using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Playthrough.Protocol
{
    /// <summary>The connection is gone, or what came over it is no WebSocket. The text is a clause about it.</summary>
    public sealed class ConnectionLostException : Exception
    {
        public ConnectionLostException(string message) : base(message)
        {
        }
    }

    /// <summary>
    /// The client's end of a WebSocket (RFC 6455) that carries binary messages, over a socket that one thread reads and
    /// writes. .NET's own ClientWebSocket cannot look whether a message has begun without a read that stays behind, and
    /// under Mono it sends large messages at half the speed.
    /// </summary>
    public sealed class WebSocket : IDisposable
    {
        private const int MaxHandshakeBytes = 8192;
        private const int MaxControlBytes = 125;
        private const int MaskedAtOnce = 1024;
        private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // section 1.3

        private const int Continuation = 0;
        private const int Text = 1;
        private const int Binary = 2;
        private const int Close = 8;
        private const int Ping = 9;
        private const int Pong = 10;

        private readonly Socket _socket;
        private readonly int _timeoutMs;
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly RandomNumberGenerator _random = RandomNumberGenerator.Create();
        private readonly ulong[] _words = new ulong[MaskedAtOnce];
        private readonly byte[] _read = new byte[1 << 16];
        private int _readFrom;
        private int _readTo;
        private long _deadlineMs;
        private byte[] _message = new byte[1 << 12];

        private WebSocket(Socket socket, int timeoutMs)
        {
            _socket = socket;
            _timeoutMs = timeoutMs;
            socket.NoDelay = true;
            socket.SendTimeout = timeoutMs;
        }

        /// <summary>Connect and shake hands.</summary>
        /// <param name="protocol">The subprotocol to ask for; a server that does not speak it is refused.</param>
        /// <param name="timeoutMs">In which the handshake, and each message that has begun, must be whole.</param>
        public static WebSocket Connect(IPEndPoint server, string protocol, int timeoutMs)
        {
            var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(server);
                var connection = new WebSocket(socket, timeoutMs);
                connection.ShakeHands(server, protocol);
                return connection;
            }
            catch (SocketException error)
            {
                socket.Dispose();
                throw new ConnectionLostException("nobody answers at " + server + ": " + error.SocketErrorCode);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        /// <summary>The next message; false if none has begun within so many milliseconds.</summary>
        /// <param name="message">Overwritten by the one after.</param>
        public bool Receive(int waitMs, out ArraySegment<byte> message)
        {
            message = default(ArraySegment<byte>);
            int length = 0;
            bool fragmented = false;
            long endMs = _clock.ElapsedMilliseconds + waitMs;
            while (true)
            {
                if (!fragmented && !HasBegun((int)Math.Max(0, endMs - _clock.ElapsedMilliseconds)))
                {
                    return false;
                }
                if (!fragmented)
                {
                    _deadlineMs = _clock.ElapsedMilliseconds + _timeoutMs;
                }
                int first = NextByte();
                int second = NextByte();
                int opcode = first & 15;
                bool final = first >= 128;
                if ((first & 0x70) != 0 || second >= 128)
                {
                    throw new ConnectionLostException("the server sent a frame with reserved or masked bits");
                }
                long size = FrameSize(second);
                if (opcode >= Close)
                {
                    if (!final || size > MaxControlBytes)
                    {
                        throw new ConnectionLostException("the server sent a control frame that is too large");
                    }
                    Answer(opcode, (int)size);
                    continue;
                }
                if (opcode != (fragmented ? Continuation : Binary))
                {
                    throw new ConnectionLostException(
                        opcode == Text ? "the server sent text" : "the server sent a frame of type " + opcode);
                }
                if (length + size > Message.MaxBytes)
                {
                    throw new ConnectionLostException("the server sent a message that is too large");
                }
                Fill(length, (int)size);
                length += (int)size;
                if (final)
                {
                    message = new ArraySegment<byte>(_message, 0, length);
                    return true;
                }
                fragmented = true;
            }
        }

        /// <summary>Send what was written, as one binary message. It is masked where it lies, and gone then.</summary>
        public void Send(ByteWriter message)
        {
            Send(Binary, message.Data, ByteWriter.FreeBytes, message.Count);
        }

        public void Dispose()
        {
            _socket.Dispose();
            _random.Dispose();
        }

        private void ShakeHands(IPEndPoint server, string protocol)
        {
            var nonce = new byte[16];
            _random.GetBytes(nonce);
            string key = Convert.ToBase64String(nonce);
            byte[] request = Encoding.ASCII.GetBytes(
                "GET / HTTP/1.1\r\nHost: " + server + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                "Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " + protocol +
                "\r\n\r\n");
            SendAll(request, 0, request.Length);
            _deadlineMs = _clock.ElapsedMilliseconds + _timeoutMs;
            string[] lines = Head();
            if (!lines[0].StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
            {
                throw new ConnectionLostException("the server refused with: " + Printable(lines[0]));
            }
            string accept;
            using (SHA1 sha1 = SHA1.Create())
            {
                accept = Convert.ToBase64String(sha1.ComputeHash(Encoding.ASCII.GetBytes(key + AcceptSuffix)));
            }
            Require(lines, "Upgrade", "websocket", StringComparison.OrdinalIgnoreCase);
            Require(lines, "Connection", "Upgrade", StringComparison.OrdinalIgnoreCase);
            Require(lines, "Sec-WebSocket-Accept", accept, StringComparison.Ordinal);
            Require(lines, "Sec-WebSocket-Protocol", protocol, StringComparison.Ordinal);
        }

        private string[] Head()
        {
            var text = new StringBuilder();
            while (true)
            {
                text.Append((char)NextByte());
                int length = text.Length;
                if (text[length - 1] == '\n' && length >= 4 && text[length - 2] == '\r' && text[length - 3] == '\n')
                {
                    return text.ToString().Split(new[] { "\r\n" }, StringSplitOptions.None);
                }
                if (length > MaxHandshakeBytes)
                {
                    throw new ConnectionLostException("the server's handshake is too large");
                }
            }
        }

        private static void Require(string[] lines, string name, string expected, StringComparison comparison)
        {
            foreach (string line in lines)
            {
                int colon = line.IndexOf(':');
                if (colon > 0 && line.Substring(0, colon).Equals(name, StringComparison.OrdinalIgnoreCase) &&
                    line.Substring(colon + 1).Trim().Equals(expected, comparison))
                {
                    return;
                }
            }
            throw new ConnectionLostException("the server's handshake lacks " + name + ": " + expected);
        }

        private static string Printable(string text)
        {
            var shown = new StringBuilder();
            foreach (char c in text.Substring(0, Math.Min(60, text.Length)))
            {
                shown.Append(c >= ' ' && c <= '~' ? c : '?');
            }
            return shown.ToString();
        }

        private long FrameSize(int second)
        {
            if (second < 126)
            {
                return second;
            }
            ulong size = 0;
            for (int left = second == 126 ? 2 : 8; left > 0; left--)
            {
                size = size << 8 | (uint)NextByte();
            }
            if (size > long.MaxValue || size < (second == 126 ? 126UL : 1UL << 16))
            {
                throw new ConnectionLostException("the server sent a frame of a forbidden length");
            }
            return (long)size;
        }

        private void Answer(int opcode, int size)
        {
            var payload = new byte[ByteWriter.FreeBytes + size];
            for (int i = 0; i < size; i++)
            {
                payload[ByteWriter.FreeBytes + i] = (byte)NextByte();
            }
            switch (opcode)
            {
                case Close:
                    Send(Close, payload, ByteWriter.FreeBytes, Math.Min(size, 2));
                    throw new ConnectionLostException("the server closed the connection");
                case Ping:
                    Send(Pong, payload, ByteWriter.FreeBytes, size);
                    break;
                case Pong:
                    break;
                default:
                    throw new ConnectionLostException("the server sent a frame of type " + opcode);
            }
        }

        // Bytes in ---------------------------------------------------------------------------------------------------

        private bool HasBegun(int waitMs)
        {
            if (_readFrom < _readTo)
            {
                return true;
            }
            try
            {
                // Also true at the end of the stream, which the read that follows then finds.
                return _socket.Poll(waitMs > int.MaxValue / 1000 ? -1 : 1000 * waitMs, SelectMode.SelectRead);
            }
            catch (Exception error) when (error is SocketException || error is ObjectDisposedException)
            {
                throw new ConnectionLostException("the connection broke");
            }
        }

        private int NextByte()
        {
            if (_readFrom == _readTo)
            {
                _readFrom = _readTo = 0;
                _readTo = ReceiveSome(_read, 0, _read.Length);
            }
            return _read[_readFrom++];
        }

        private void Fill(int at, int count)
        {
            // Grown as bytes arrive: a length that is only announced costs no memory.
            while (count > 0)
            {
                if (at == _message.Length)
                {
                    Array.Resize(ref _message, 2 * at);
                }
                int part = Math.Min(count, _message.Length - at);
                if (_readFrom < _readTo)
                {
                    part = Math.Min(part, _readTo - _readFrom);
                    Buffer.BlockCopy(_read, _readFrom, _message, at, part);
                    _readFrom += part;
                }
                else
                {
                    part = ReceiveSome(_message, at, part);
                }
                at += part;
                count -= part;
            }
        }

        private int ReceiveSome(byte[] into, int at, int count)
        {
            long leftMs = _deadlineMs - _clock.ElapsedMilliseconds;
            if (leftMs <= 0 || !HasBegun((int)leftMs))
            {
                throw new ConnectionLostException(
                    "the server sent half a message and no more for " + _timeoutMs + " ms");
            }
            try
            {
                int received = _socket.Receive(into, at, count, SocketFlags.None);
                if (received > 0)
                {
                    return received;
                }
            }
            catch (Exception error) when (error is SocketException || error is ObjectDisposedException)
            {
                throw new ConnectionLostException("the connection broke");
            }
            throw new ConnectionLostException("the server is gone");
        }

        // Bytes out --------------------------------------------------------------------------------------------------

        private void Send(int opcode, byte[] data, int at, int count)
        {
            var mask = new byte[4];
            _random.GetBytes(mask);
            Mask(data, at, count, BitConverter.ToUInt32(mask, 0));
            Buffer.BlockCopy(mask, 0, data, at - 4, 4);
            int head = at - 4;
            if (count < 126)
            {
                data[--head] = (byte)(128 | count);
            }
            else
            {
                int lengthBytes = count < 1 << 16 ? 2 : 8;
                for (int i = 0; i < lengthBytes; i++)
                {
                    data[--head] = (byte)((ulong)count >> 8 * i);
                }
                data[--head] = (byte)(128 | (lengthBytes == 2 ? 126 : 127));
            }
            data[--head] = (byte)(128 | opcode);
            SendAll(data, head, at + count - head);
        }

        // Eight bytes at a time: byte by byte, this would be most of the cost of sending a picture.
        private void Mask(byte[] data, int at, int count, uint key)
        {
            ulong wide = key | (ulong)key << 32;
            for (int end = at + count; at < end; at += 8 * MaskedAtOnce)
            {
                int part = Math.Min(8 * MaskedAtOnce, end - at);
                Buffer.BlockCopy(data, at, _words, 0, part);
                for (int i = 0; i < (part + 7) / 8; i++)
                {
                    _words[i] ^= wide;
                }
                Buffer.BlockCopy(_words, 0, data, at, part);
            }
        }

        private void SendAll(byte[] data, int at, int count)
        {
            try
            {
                while (count > 0)
                {
                    int sent = _socket.Send(data, at, count, SocketFlags.None);
                    at += sent;
                    count -= sent;
                }
            }
            catch (Exception error) when (error is SocketException || error is ObjectDisposedException)
            {
                throw new ConnectionLostException("the server takes nothing any more");
            }
        }
    }
}
