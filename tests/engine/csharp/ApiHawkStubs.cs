// The parts of BizHawk 2.11's interfaces for external tools that our tool uses, with their real names and signatures,
// so that it compiles and runs without BizHawk. BizHawk's own assemblies hold the real ones.

using System;
using System.Collections.Generic;
using System.Drawing;

namespace BizHawk.Common
{
    public static class VersionInfo
    {
        public static readonly string MainVersion = "2.11";
    }
}

namespace BizHawk.Emulation.Common
{
    [AttributeUsage(AttributeTargets.Property)]
    public sealed class RequiredServiceAttribute : Attribute
    {
    }

    public interface IEmulatorService
    {
    }

    public interface IVideoProvider : IEmulatorService
    {
        int[] GetVideoBuffer();

        int VirtualWidth { get; }

        int VirtualHeight { get; }

        int BufferWidth { get; }

        int BufferHeight { get; }

        int VsyncNumerator { get; }

        int VsyncDenominator { get; }

        int BackgroundColor { get; }
    }
}

namespace BizHawk.Client.Common
{
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class ExternalToolAttribute : Attribute
    {
        public readonly string Name;

        public ExternalToolAttribute(string name)
        {
            Name = name;
        }

        public string Description { get; set; }

        public string[] LoadAssemblyFiles { get; set; }
    }

    public enum ToolFormUpdateType
    {
        General = 0,
        PreFrame = 1,
        FastPreFrame = 2,
        PostFrame = 3,
        FastPostFrame = 4,
    }

    public enum DisplaySurfaceID
    {
        EmuCore = 0,
        Client = 1,
    }

    public interface IToolForm
    {
        bool IsActive { get; }

        bool IsLoaded { get; }

        bool ContainsFocus { get; }

        void UpdateValues(ToolFormUpdateType type);

        void Restart();

        bool AskSaveChanges();

        bool Focus();

        void Show();

        void Close();
    }

    public interface IExternalToolForm : IToolForm
    {
    }

    public interface IExternalApi
    {
    }

    public interface IMemoryApi : IExternalApi
    {
        string MainMemoryName { get; }

        IReadOnlyCollection<string> GetMemoryDomainList();

        uint GetMemoryDomainSize(string name = "");

        IReadOnlyList<byte> ReadByteRange(long addr, int length, string domain = null);

        void WriteByteRange(long addr, IReadOnlyList<byte> memoryblock, string domain = null);
    }

    public interface IJoypadApi : IExternalApi
    {
        IReadOnlyDictionary<string, object> Get(int? controller = null);

        void Set(IReadOnlyDictionary<string, bool> buttons, int? controller = null);
    }

    public interface IEmuClientApi : IDisposable, IExternalApi
    {
        void CloseEmulator(int? exitCode = null);

        void Pause();

        void RebootCore();

        void SpeedMode(int percent);

        void Unpause();
    }

    public interface IEmulationApi : IExternalApi
    {
        int FrameCount();

        string GetSystemId();

        void LimitFramerate(bool enabled);
    }

    public interface ISaveStateApi : IExternalApi
    {
        bool Load(string path, bool suppressOSD = false);

        void Save(string path, bool suppressOSD = false);
    }

    public interface IMemorySaveStateApi : IExternalApi
    {
        string SaveCoreStateToMemory();

        void LoadCoreStateFromMemory(string identifier);

        void DeleteState(string identifier);
    }

    public interface IGuiApi : IDisposable, IExternalApi
    {
        void WithSurface(DisplaySurfaceID surfaceID, Action<IGuiApi> drawingCallsFunc);

        void WithSurface(DisplaySurfaceID surfaceID, Action drawingCallsFunc);

        void ClearGraphics(DisplaySurfaceID? surfaceID = null);

        void DrawBox(
            int x, int y, int x2, int y2, Color? line = null, Color? background = null,
            DisplaySurfaceID? surfaceID = null);

        void DrawText(
            int x, int y, string message, Color? forecolor = null, Color? backcolor = null, string fontfamily = null,
            DisplaySurfaceID? surfaceID = null);
    }

    public sealed class ApiContainer : IDisposable
    {
        public readonly IReadOnlyDictionary<Type, IExternalApi> Libraries;

        public ApiContainer(IReadOnlyDictionary<Type, IExternalApi> libs)
        {
            Libraries = libs;
        }

        public IEmuClientApi EmuClient => (IEmuClientApi)Libraries[typeof(IEmuClientApi)];

        public IEmulationApi Emulation => (IEmulationApi)Libraries[typeof(IEmulationApi)];

        public IGuiApi Gui => (IGuiApi)Libraries[typeof(IGuiApi)];

        public IJoypadApi Joypad => (IJoypadApi)Libraries[typeof(IJoypadApi)];

        public IMemoryApi Memory => (IMemoryApi)Libraries[typeof(IMemoryApi)];

        public IMemorySaveStateApi MemorySaveState => (IMemorySaveStateApi)Libraries[typeof(IMemorySaveStateApi)];

        public ISaveStateApi SaveState => (ISaveStateApi)Libraries[typeof(ISaveStateApi)];

        public void Dispose()
        {
        }
    }
}
