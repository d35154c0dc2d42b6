// An emulator without a window that treats our tool as BizHawk does: it hands it the same interfaces, calls it around
// every frame, plays on unless it is paused, and tells it of every game that was loaded, also in the middle of a call.
// Its game: a counter, and a block that "P1 Right" moves.

using System;
using System.Collections.Generic;
using System.Drawing;
using System.Globalization;
using System.IO;
using System.Threading;
using BizHawk.Client.Common;
using BizHawk.Emulation.Common;
using Playthrough.Protocol;
using Playthrough.Tool;

internal sealed class TinyBizHawk
    : IMemoryApi, IJoypadApi, IEmuClientApi, IEmulationApi, ISaveStateApi, IMemorySaveStateApi, IGuiApi, IVideoProvider
{
    private const int Width = 256;
    private const int Height = 240;
    private const int BlockSize = 24;
    private const int RamBytes = 2048;
    private const int BatteryBytes = 8192;
    private const int StateBytes = 8 + RamBytes + BatteryBytes;
    private const int CounterAt = 0x10;
    private const int PlaceAt = 0x20;

    private readonly Dictionary<string, byte[]> _domains = new Dictionary<string, byte[]>
    {
        { "RAM", new byte[RamBytes] },
        { "Battery RAM", new byte[BatteryBytes] },
    };

    private readonly Dictionary<string, object> _pads = new Dictionary<string, object>();
    private readonly HashSet<string> _pressed = new HashSet<string>();
    private readonly Dictionary<string, byte[]> _states = new Dictionary<string, byte[]>();
    private readonly int[] _background = new int[Width * Height];
    private readonly int[] _picture = new int[Width * Height];
    private readonly ApiContainer _apis;
    private readonly RemoteControl _tool;
    private int _frames;
    private bool _paused;
    private int? _exitCode;

    private TinyBizHawk()
    {
        foreach (string name in new[] { "Reset", "P1 Right", "P1 A", "P2 Right", "P2 A" })
        {
            _pads[name] = false;
        }
        for (int i = 0; i < _background.Length; i++)
        {
            int shade = (i % Width + i / Width) & 127;
            _background[i] = unchecked((int)0xFF000000) | shade << 16 | (127 - shade) << 8 | i / Width;
        }
        _apis = new ApiContainer(new Dictionary<Type, IExternalApi>
        {
            { typeof(IMemoryApi), this },
            { typeof(IJoypadApi), this },
            { typeof(IEmuClientApi), this },
            { typeof(IEmulationApi), this },
            { typeof(ISaveStateApi), this },
            { typeof(IMemorySaveStateApi), this },
            { typeof(IGuiApi), this },
        });
        _tool = new RemoteControl(Invitation.FromEnvironment(), message => Console.WriteLine("tool: " + message));
    }

    private static int Main()
    {
        int framesBefore = int.Parse(
            Environment.GetEnvironmentVariable("TINY_FRAMES_BEFORE") ?? "0", CultureInfo.InvariantCulture);
        return new TinyBizHawk().Play(framesBefore);
    }

    private int Play(int framesBefore)
    {
        for (int i = 0; i < framesBefore; i++)
        {
            Advance();
        }
        _tool.Restart(_apis, this);
        while (_exitCode == null)
        {
            if (_paused)
            {
                Thread.Sleep(1);
            }
            else
            {
                _tool.Update(ToolFormUpdateType.PreFrame);
                Advance();
                _tool.Update(ToolFormUpdateType.PostFrame);
            }
            if (_paused)
            {
                _tool.Tick();
            }
        }
        _tool.Dispose();
        return _exitCode.Value;
    }

    private void Advance()
    {
        byte[] ram = _domains["RAM"];
        _frames++;
        Add(ram, CounterAt, 1);
        if (_pressed.Contains("P1 Right"))
        {
            Add(ram, PlaceAt, 3);
        }
        if (_pressed.Contains("P2 Right"))
        {
            Add(ram, PlaceAt + 2, 5);
        }
        _pressed.Clear();
        Draw();
    }

    // Numbers stand in memory with their high byte first.
    private static void Add(byte[] ram, int at, int amount)
    {
        int sum = (ram[at] << 8 | ram[at + 1]) + amount;
        ram[at] = (byte)(sum >> 8);
        ram[at + 1] = (byte)sum;
    }

    private void Draw()
    {
        byte[] ram = _domains["RAM"];
        int counter = ram[CounterAt] << 8 | ram[CounterAt + 1];
        int left = (ram[PlaceAt] << 8 | ram[PlaceAt + 1]) % (Width - BlockSize);
        int top = counter * 7 % (Height - BlockSize);
        Buffer.BlockCopy(_background, 0, _picture, 0, 4 * _picture.Length);
        for (int y = top; y < top + BlockSize; y++)
        {
            for (int x = left; x < left + BlockSize; x++)
            {
                _picture[y * Width + x] = unchecked((int)0xFFFFC020);
            }
        }
    }

    // Memory and pads -------------------------------------------------------------------------------------------------

    public string MainMemoryName => "RAM";

    public IReadOnlyCollection<string> GetMemoryDomainList()
    {
        return _domains.Keys;
    }

    public uint GetMemoryDomainSize(string name = "")
    {
        return (uint)_domains[name].Length;
    }

    public IReadOnlyList<byte> ReadByteRange(long addr, int length, string domain = null)
    {
        var bytes = new byte[length];
        Buffer.BlockCopy(_domains[domain], (int)addr, bytes, 0, length);
        return bytes;
    }

    public void WriteByteRange(long addr, IReadOnlyList<byte> memoryblock, string domain = null)
    {
        for (int i = 0; i < memoryblock.Count; i++)
        {
            _domains[domain][addr + i] = memoryblock[i];
        }
    }

    public IReadOnlyDictionary<string, object> Get(int? controller = null)
    {
        return _pads;
    }

    public void Set(IReadOnlyDictionary<string, bool> buttons, int? controller = null)
    {
        foreach (KeyValuePair<string, bool> button in buttons)
        {
            if (button.Value && _pads.ContainsKey(button.Key))
            {
                _pressed.Add(button.Key);
            }
        }
    }

    // The emulator ----------------------------------------------------------------------------------------------------

    public void CloseEmulator(int? exitCode = null)
    {
        _exitCode = exitCode ?? 0;
    }

    public void Pause()
    {
        _paused = true;
    }

    public void Unpause()
    {
        _paused = false;
    }

    public void RebootCore()
    {
        foreach (byte[] domain in _domains.Values)
        {
            Array.Clear(domain, 0, domain.Length);
        }
        _frames = 0;
        Draw();
        _tool.Restart(_apis, this);
    }

    public void SpeedMode(int percent)
    {
        Console.WriteLine("speed " + percent);
    }

    public int FrameCount()
    {
        return _frames;
    }

    public string GetSystemId()
    {
        return "TINY";
    }

    public void LimitFramerate(bool enabled)
    {
        Console.WriteLine("limited " + enabled);
    }

    public void Save(string path, bool suppressOSD = false)
    {
        File.WriteAllBytes(path, CoreState());
    }

    public bool Load(string path, bool suppressOSD = false)
    {
        byte[] state = File.ReadAllBytes(path);
        if (state.Length != StateBytes || state[0] != 'T')
        {
            return false;
        }
        Restore(state);
        _tool.Update(ToolFormUpdateType.PreFrame); // BizHawk updates all tools here, though no frame is played
        _tool.Update(ToolFormUpdateType.PostFrame);
        return true;
    }

    public string SaveCoreStateToMemory()
    {
        string identifier = Guid.NewGuid().ToString();
        _states[identifier] = CoreState();
        return identifier;
    }

    public void LoadCoreStateFromMemory(string identifier)
    {
        Restore(_states[identifier]);
    }

    public void DeleteState(string identifier)
    {
        _states.Remove(identifier);
    }

    private byte[] CoreState()
    {
        var state = new byte[StateBytes];
        state[0] = (byte)'T';
        Buffer.BlockCopy(BitConverter.GetBytes(_frames), 0, state, 4, 4);
        Buffer.BlockCopy(_domains["RAM"], 0, state, 8, RamBytes);
        Buffer.BlockCopy(_domains["Battery RAM"], 0, state, 8 + RamBytes, BatteryBytes);
        return state;
    }

    private void Restore(byte[] state)
    {
        _frames = BitConverter.ToInt32(state, 4);
        Buffer.BlockCopy(state, 8, _domains["RAM"], 0, RamBytes);
        Buffer.BlockCopy(state, 8 + RamBytes, _domains["Battery RAM"], 0, BatteryBytes);
        Draw();
    }

    // Picture and overlay ---------------------------------------------------------------------------------------------

    public int[] GetVideoBuffer()
    {
        return _picture;
    }

    public int VirtualWidth => Width;

    public int VirtualHeight => Height;

    public int BufferWidth => Width;

    public int BufferHeight => Height;

    public int VsyncNumerator => 60;

    public int VsyncDenominator => 1;

    public int BackgroundColor => 0;

    public void WithSurface(DisplaySurfaceID surfaceID, Action<IGuiApi> drawingCallsFunc)
    {
        drawingCallsFunc(this);
    }

    public void WithSurface(DisplaySurfaceID surfaceID, Action drawingCallsFunc)
    {
        drawingCallsFunc();
    }

    public void ClearGraphics(DisplaySurfaceID? surfaceID = null)
    {
        Console.WriteLine("cleared");
    }

    public void DrawBox(
        int x, int y, int x2, int y2, Color? line = null, Color? background = null, DisplaySurfaceID? surfaceID = null)
    {
        Console.WriteLine("box {0} {1} {2} {3} {4:x8} {5:x8}", x, y, x2, y2, line?.ToArgb(), background?.ToArgb());
    }

    public void DrawText(
        int x, int y, string message, Color? forecolor = null, Color? backcolor = null, string fontfamily = null,
        DisplaySurfaceID? surfaceID = null)
    {
        Console.WriteLine("text {0} {1} {2} {3:x8} {4:x8}", x, y, message, forecolor?.ToArgb(), backcolor?.ToArgb());
    }

    public void Dispose()
    {
    }
}
