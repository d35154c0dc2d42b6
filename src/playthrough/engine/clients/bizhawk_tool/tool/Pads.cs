using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.RegularExpressions;
using BizHawk.Client.Common;

namespace Playthrough.Tool
{
    /// <summary>The buttons of all pads, under the names that this game's core has for them.</summary>
    public sealed class Pads
    {
        private const int MaxPorts = 8;
        private const int MaxButtons = 16;

        private readonly string[,] _names = new string[MaxPorts, MaxButtons];
        private readonly Dictionary<string, bool> _pressed = new Dictionary<string, bool>();

        /// <param name="description">`bit=Name|Other name;...`: the names of the button with this libretro id, where
        /// `U+25B3` stands for a character outside of ASCII. The first name that a pad has counts; a button without one
        /// does nothing.</param>
        public Pads(string description, IJoypadApi joypad)
        {
            IReadOnlyDictionary<string, object> known = joypad.Get();
            foreach (string entry in description.Split(new[] { ';' }, StringSplitOptions.RemoveEmptyEntries))
            {
                int equals = entry.IndexOf('=');
                string digits = entry.Substring(0, Math.Max(equals, 0));
                if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int bit) ||
                    bit >= MaxButtons)
                {
                    throw new FormatException("PLAYTHROUGH_BUTTONS holds " + entry + "; expected bit=Name|Other name");
                }
                string[] names = Decoded(entry.Substring(equals + 1)).Split('|');
                for (int port = 0; port < MaxPorts; port++)
                {
                    _names[port, bit] = Find(known, names, port);
                }
            }
            foreach (string name in _names)
            {
                if (name != null)
                {
                    _pressed[name] = false;
                }
            }
            if (_pressed.Count == 0)
            {
                throw new FormatException(
                    "none of the buttons in PLAYTHROUGH_BUTTONS (" + description + ") is there; this game has: " +
                    string.Join(", ", known.Keys));
            }
        }

        /// <summary>Say what is pressed on the next frame; everything else is released.</summary>
        public void Press(IJoypadApi joypad, int[] masks)
        {
            for (int port = 0; port < MaxPorts; port++)
            {
                int mask = port < masks.Length ? masks[port] : 0;
                for (int bit = 0; bit < MaxButtons; bit++)
                {
                    if (_names[port, bit] != null)
                    {
                        _pressed[_names[port, bit]] = (mask >> bit & 1) != 0;
                    }
                }
            }
            joypad.Set(_pressed);
        }

        private static string Decoded(string names)
        {
            return Regex.Replace(
                names, "U\\+([0-9A-Fa-f]{4,6})",
                found => char.ConvertFromUtf32(Convert.ToInt32(found.Groups[1].Value, 16)));
        }

        // Handhelds have one pad, and name its buttons without a number.
        private static string Find(IReadOnlyDictionary<string, object> known, string[] names, int port)
        {
            foreach (string name in names)
            {
                string numbered = "P" + (port + 1) + " " + name;
                if (known.ContainsKey(numbered))
                {
                    return numbered;
                }
                if (port == 0 && known.ContainsKey(name))
                {
                    return name;
                }
            }
            return null;
        }
    }
}
