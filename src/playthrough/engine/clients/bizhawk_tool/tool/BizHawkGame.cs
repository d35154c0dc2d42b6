using System;
using System.Collections.Generic;
using System.Drawing;
using System.IO;
using BizHawk.Client.Common;
using BizHawk.Common;
using BizHawk.Emulation.Common;
using Playthrough.Protocol;

namespace Playthrough.Tool
{
    /// <summary>The game that BizHawk runs, by way of the interfaces that it offers to external tools.</summary>
    public sealed class BizHawkGame : IGame
    {
        private const int MaxKept = 8;
        private const int FullSpeedPercent = 6400;
        private const int RealSpeedPercent = 100;

        private readonly string _statePath;
        private readonly List<KeyValuePair<byte[], string>> _kept = new List<KeyValuePair<byte[], string>>();
        private ApiContainer _apis;
        private IVideoProvider _video;
        private MemoryMap _memory;
        private Pads _pads;
        private byte[] _switchedOn;
        private IList<Shape> _overlay = new Shape[0];

        public BizHawkGame()
        {
            string folder = Environment.GetEnvironmentVariable("PLAYTHROUGH_FOLDER") ?? Path.GetTempPath();
            _statePath = Path.Combine(folder, "playthrough-" + Guid.NewGuid().ToString("N") + ".State");
        }

        public string Program => "BizHawk " + VersionInfo.MainVersion;

        public IList<Block> Blocks => _memory.Blocks;

        /// <summary>BizHawk hands out new interfaces whenever a game is loaded.</summary>
        public void Attach(ApiContainer apis, IVideoProvider video)
        {
            _apis = apis;
            _video = video;
        }

        public void Start()
        {
            _kept.Clear(); // a game that was loaded anew has none of them
            if (_apis.Emulation.FrameCount() != 0)
            {
                _apis.EmuClient.RebootCore();
            }
            _memory = new MemoryMap(Environment.GetEnvironmentVariable("PLAYTHROUGH_MEMORY") ?? "", _apis.Memory);
            _pads = new Pads(Environment.GetEnvironmentVariable("PLAYTHROUGH_BUTTONS") ?? "", _apis.Joypad);
            _switchedOn = Save();
            SetSpeed(Speed.Full);
        }

        public void Press(int[] masks)
        {
            _pads.Press(_apis.Joypad, masks);
        }

        public void Read(uint address, int count, byte[] into, int at)
        {
            _memory.Read(_apis.Memory, address, count, into, at);
        }

        public void Write(uint address, byte[] data, int at, int count)
        {
            _memory.Write(_apis.Memory, address, data, at, count);
        }

        public byte[] Save()
        {
            try
            {
                _apis.SaveState.Save(_statePath, true);
                return File.ReadAllBytes(_statePath);
            }
            finally
            {
                File.Delete(_statePath);
            }
        }

        // States that were loaded stay in BizHawk's memory as well, where episodes begin again sooner.
        public void Load(byte[] state)
        {
            foreach (KeyValuePair<byte[], string> kept in _kept)
            {
                if (AreEqual(kept.Key, state))
                {
                    _apis.MemorySaveState.LoadCoreStateFromMemory(kept.Value);
                    return;
                }
            }
            try
            {
                File.WriteAllBytes(_statePath, state);
                if (!_apis.SaveState.Load(_statePath, true))
                {
                    throw new InvalidDataException("BizHawk refuses this savestate");
                }
            }
            finally
            {
                File.Delete(_statePath);
            }
            _kept.Add(new KeyValuePair<byte[], string>(state, _apis.MemorySaveState.SaveCoreStateToMemory()));
            if (_kept.Count > MaxKept)
            {
                _apis.MemorySaveState.DeleteState(_kept[0].Value);
                _kept.RemoveAt(0);
            }
        }

        // A reboot would ask every tool to begin anew; the state from before the first frame is the same.
        public void PowerOn()
        {
            Load(_switchedOn);
        }

        public Picture Look()
        {
            return new Picture(_video.BufferWidth, _video.BufferHeight, _video.GetVideoBuffer());
        }

        public void SetSpeed(Speed speed)
        {
            bool real = speed == Speed.Real;
            _apis.Emulation.LimitFramerate(real);
            _apis.EmuClient.SpeedMode(real ? RealSpeedPercent : FullSpeedPercent);
        }

        public void SetOverlay(IList<Shape> shapes)
        {
            _overlay = shapes;
            DrawOverlay();
        }

        public void AfterFrame()
        {
            if (_overlay.Count > 0)
            {
                DrawOverlay();
            }
        }

        public void Pause()
        {
            _apis.EmuClient.Pause();
        }

        public void Resume()
        {
            _apis.EmuClient.Unpause();
        }

        public void Quit(int exitCode)
        {
            _apis.EmuClient.CloseEmulator(exitCode);
        }

        private static bool AreEqual(byte[] one, byte[] other)
        {
            bool equal = one.Length == other.Length;
            for (int i = 0; equal && i < one.Length; i++)
            {
                equal = one[i] == other[i];
            }
            return equal;
        }

        private void DrawOverlay()
        {
            _apis.Gui.WithSurface(DisplaySurfaceID.EmuCore, (IGuiApi gui) =>
            {
                gui.ClearGraphics();
                foreach (Shape shape in _overlay)
                {
                    Color color = Color.FromArgb(shape.Color);
                    Color background = Color.FromArgb(shape.Background);
                    if (shape.IsText)
                    {
                        gui.DrawText(shape.X, shape.Y, shape.Text, color, background);
                    }
                    else
                    {
                        gui.DrawBox(
                            shape.X, shape.Y, shape.X + shape.Width - 1, shape.Y + shape.Height - 1, color, background);
                    }
                }
            });
        }
    }
}
