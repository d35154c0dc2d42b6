// The parts of System.Drawing that the tool uses, so that it compiles where that is not installed.

namespace System.Drawing
{
    public struct Color
    {
        private readonly int _argb;

        private Color(int argb)
        {
            _argb = argb;
        }

        public static Color FromArgb(int argb)
        {
            return new Color(argb);
        }

        public int ToArgb()
        {
            return _argb;
        }
    }

    public struct Size
    {
        public Size(int width, int height)
        {
            Width = width;
            Height = height;
        }

        public int Width { get; set; }

        public int Height { get; set; }
    }
}
