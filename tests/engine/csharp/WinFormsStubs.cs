// The parts of Windows Forms that the tool's window uses, so that it compiles where Windows Forms is not installed.

using System;
using System.Drawing;

namespace System.Windows.Forms
{
    public enum DockStyle
    {
        Fill = 5,
    }

    public struct Padding
    {
        public Padding(int all)
        {
            All = all;
        }

        public int All { get; set; }
    }

    public class FormClosedEventArgs : EventArgs
    {
    }

    public class ControlCollection
    {
        public void Add(Control control)
        {
        }
    }

    public class Control
    {
        public ControlCollection Controls { get; } = new ControlCollection();

        public virtual string Text { get; set; }

        public virtual DockStyle Dock { get; set; }

        public Padding Padding { get; set; }

        public Size ClientSize { get; set; }

        public bool IsHandleCreated => true;

        public bool IsDisposed => false;

        public bool ContainsFocus => false;

        public bool Focus()
        {
            return false;
        }

        public void Show()
        {
        }
    }

    public class Label : Control
    {
    }

    public class Form : Control
    {
        public void Close()
        {
        }

        protected virtual void OnFormClosed(FormClosedEventArgs e)
        {
        }
    }

    public class Timer
    {
        public event EventHandler Tick
        {
            add { }
            remove { }
        }

        public int Interval { get; set; }

        public void Start()
        {
        }

        public void Stop()
        {
        }
    }
}
