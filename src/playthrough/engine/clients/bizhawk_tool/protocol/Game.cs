using System.Collections.Generic;

namespace Playthrough.Protocol
{
    /// <summary>A part of the memory, as the game's own processor addresses it.</summary>
    public struct Block
    {
        public readonly uint Address;
        public readonly uint Size;

        public Block(uint address, uint size)
        {
            Address = address;
            Size = size;
        }
    }

    /// <summary>What the emulator shows: one number for each pixel, blue in its lowest byte.</summary>
    public struct Picture
    {
        public readonly int Width;
        public readonly int Height;
        public readonly int[] Pixels;

        public Picture(int width, int height, int[] pixels)
        {
            Width = width;
            Height = height;
            Pixels = pixels;
        }
    }

    /// <summary>
    /// An emulator with a game, as the client sees it. It plays its frames by itself: it calls `Client.BeforeFrame` and
    /// `Client.AfterFrame` around each of them, and `Client.Idle` while it is paused.
    /// </summary>
    public interface IGame
    {
        /// <summary>The emulator's name and version.</summary>
        string Program { get; }

        /// <summary>Get ready for a client: a power-on, before the first frame.</summary>
        void Start();

        IList<Block> Blocks { get; }

        /// <summary>What is pressed on the frame that begins.</summary>
        /// <param name="masks">For each port a mask, bits as libretro counts them. Other ports are released.</param>
        void Press(int[] masks);

        /// <summary>Copy memory that is mapped, in the order in which the game's processor sees its bytes.</summary>
        void Read(uint address, int count, byte[] into, int at);

        void Write(uint address, byte[] data, int at, int count);

        byte[] Save();

        void Load(byte[] state);

        void PowerOn();

        Picture Look();

        /// <summary>A frame was played: draw the overlay over it.</summary>
        void AfterFrame();

        /// <summary>What is drawn over the game from now on; `Look` never shows it.</summary>
        void SetOverlay(IList<Shape> shapes);

        void SetSpeed(Speed speed);

        void Pause();

        void Resume();

        /// <summary>End the emulator.</summary>
        void Quit(int exitCode);
    }
}
