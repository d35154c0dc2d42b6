using System.Collections.Generic;

namespace Playthrough.Protocol
{
    /// <summary>How fast the emulator may play.</summary>
    public enum Speed
    {
        Full = 0,
        Real = 1,
        Paused = 2,
    }

    /// <summary>A text or a box over the game. Places are pixels of the picture, colours 0xAARRGGBB.</summary>
    public sealed class Shape
    {
        private const int TextKind = 1;
        private const int BoxKind = 2;

        private Shape(ByteReader reader)
        {
            int kind = reader.U8();
            if (kind != TextKind && kind != BoxKind)
            {
                throw new BadMessageException("a shape of the unknown kind " + kind);
            }
            IsText = kind == TextKind;
            X = reader.I16();
            Y = reader.I16();
            Width = reader.U16();
            Height = reader.U16();
            Color = (int)reader.U32();
            Background = (int)reader.U32();
            Text = reader.Utf8(reader.U16());
        }

        public bool IsText { get; }

        public int X { get; }

        public int Y { get; }

        public int Width { get; }

        public int Height { get; }

        public int Color { get; }

        public int Background { get; }

        public string Text { get; }

        /// <summary>All shapes of an overlay; none clears it.</summary>
        public static IList<Shape> ReadAll(ByteReader reader)
        {
            var shapes = new List<Shape>();
            for (int left = reader.U16(); left > 0; left--)
            {
                shapes.Add(new Shape(reader));
            }
            if (reader.Left > 0)
            {
                throw new BadMessageException("an overlay with " + reader.Left + " bytes too many");
            }
            return shapes;
        }
    }
}
