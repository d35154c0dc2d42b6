using System;
using System.Globalization;
using System.Net;

namespace Playthrough.Protocol
{
    /// <summary>Where Python listens, and what it told the emulator that it started: environment variables.</summary>
    public sealed class Invitation
    {
        private const int DefaultWaitMs = 50;
        private const int DefaultRetryMs = 100;
        private const int DefaultTimeoutMs = 10000;
        private const int DefaultPatienceMs = 60000;

        public IPEndPoint Server { get; private set; }

        /// <summary>Which emulator this is; only the one that Python started knows.</summary>
        public string Token { get; private set; }

        /// <summary>Where the player's position stands; null if Python did not say.</summary>
        public Probe Position { get; private set; }

        /// <summary>How long to wait for the next question before the emulator is paused.</summary>
        public int WaitMs { get; private set; }

        /// <summary>How long to wait before connecting again, for the first time.</summary>
        public int RetryMs { get; private set; }

        /// <summary>How long a message that has begun may take to arrive.</summary>
        public int TimeoutMs { get; private set; }

        /// <summary>How long to look for Python when it is gone, before the emulator is ended.</summary>
        public int PatienceMs { get; private set; }

        /// <summary>Read PLAYTHROUGH_HOST, _PORT, _TOKEN, and what may be left out: _POSITION, _WAIT_MS, _RETRY_MS,
        /// _TIMEOUT_MS, _PATIENCE_MS.</summary>
        public static Invitation FromEnvironment()
        {
            string host = Variable("HOST", "127.0.0.1");
            if (!IPAddress.TryParse(host, out IPAddress address))
            {
                throw new FormatException("PLAYTHROUGH_HOST is " + host + "; expected an address such as 127.0.0.1");
            }
            int port = Number("PORT", 0);
            string token = Variable("TOKEN", "");
            if (port < 1 || port > 65535 || token.Length == 0)
            {
                throw new FormatException(
                    "PLAYTHROUGH_PORT or PLAYTHROUGH_TOKEN is missing. This tool works in an emulator that " +
                    "Playthrough starts: pt.make(..., engine=\"bizhawk\")");
            }
            string position = Variable("POSITION", "");
            return new Invitation
            {
                Server = new IPEndPoint(address, port),
                Token = token,
                Position = position.Length == 0 ? null : new Probe(new ByteReader(Hexadecimal(position))),
                WaitMs = Number("WAIT_MS", DefaultWaitMs),
                RetryMs = Number("RETRY_MS", DefaultRetryMs),
                TimeoutMs = Number("TIMEOUT_MS", DefaultTimeoutMs),
                PatienceMs = Number("PATIENCE_MS", DefaultPatienceMs),
            };
        }

        private static string Variable(string name, string otherwise)
        {
            string value = Environment.GetEnvironmentVariable("PLAYTHROUGH_" + name);
            return string.IsNullOrEmpty(value) ? otherwise : value;
        }

        private static int Number(string name, int otherwise)
        {
            string text = Variable(name, otherwise.ToString(CultureInfo.InvariantCulture));
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                throw new FormatException("PLAYTHROUGH_" + name + " is " + text + "; expected a number");
            }
            return number;
        }

        // A probe as it stands in a configuration message.
        private static ArraySegment<byte> Hexadecimal(string text)
        {
            var bytes = new byte[text.Length / 2];
            for (int i = 0; i < bytes.Length; i++)
            {
                bytes[i] = byte.Parse(text.Substring(2 * i, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
            return new ArraySegment<byte>(bytes);
        }
    }
}
