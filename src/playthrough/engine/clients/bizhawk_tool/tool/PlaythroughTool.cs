using System;
using System.Drawing;
using System.Globalization;
using System.Windows.Forms;
using BizHawk.Client.Common;
using BizHawk.Emulation.Common;
using Playthrough.Protocol;

namespace Playthrough.Tool
{
    /// <summary>The window in BizHawk: how far the player is, and how fast it goes.</summary>
    [ExternalTool("Playthrough", Description = "Lets Playthrough train agents in this emulator")]
    public sealed class PlaythroughTool : Form, IExternalToolForm
    {
        private const int TickMs = 1; // Windows makes about 15 of it
        private const int RefreshMs = 250;

        private readonly Label _label = new Label();
        private readonly Timer _timer = new Timer();
        private RemoteControl _remote;
        private string _message = "";
        private int _refreshedMs;

        public PlaythroughTool()
        {
            Text = "Playthrough";
            ClientSize = new Size(300, 130);
            _label.Dock = DockStyle.Fill;
            _label.Padding = new Padding(8);
            Controls.Add(_label);
            _timer.Interval = TickMs;
            _timer.Tick += (sender, e) => Tick();
        }

        /// <summary>BizHawk sets this whenever a game is loaded.</summary>
        public ApiContainer Apis { get; set; }

        [RequiredService]
        public IVideoProvider Video { get; set; }

        public bool IsActive => IsHandleCreated && !IsDisposed;

        public bool IsLoaded => IsActive;

        public void Restart()
        {
            if (Apis.Emulation.GetSystemId() == "NULL")
            {
                return; // no game yet
            }
            try
            {
                if (_remote == null)
                {
                    _remote = new RemoteControl(Invitation.FromEnvironment(), Log);
                }
                _remote.Restart(Apis, Video);
                _timer.Start();
            }
            catch (FormatException problem)
            {
                Log(problem.Message);
            }
            ShowProgress();
        }

        public void UpdateValues(ToolFormUpdateType type)
        {
            _remote?.Update(type);
        }

        public bool AskSaveChanges()
        {
            return true;
        }

        protected override void OnFormClosed(FormClosedEventArgs e)
        {
            _timer.Stop();
            _remote?.Dispose();
            base.OnFormClosed(e);
        }

        private void Tick()
        {
            _remote.Tick();
            if (Environment.TickCount - _refreshedMs >= RefreshMs)
            {
                ShowProgress();
            }
        }

        private void Log(string message)
        {
            _message = message;
            Console.WriteLine("Playthrough: " + message);
        }

        private void ShowProgress()
        {
            _refreshedMs = Environment.TickCount;
            _label.Text = _remote == null ? _message : Describe(_remote, _message);
        }

        private static string Describe(RemoteControl remote, string message)
        {
            Progress progress = remote.Progress;
            string speed = progress.FramesPerSecond.ToString("0", CultureInfo.InvariantCulture) + " frames/s";
            string far = progress.HasPosition
                ? string.Format(
                    CultureInfo.InvariantCulture, "Position {0}\nFitness {1}\nBest {2}\n", progress.Position,
                    progress.Fitness, progress.Best)
                : "";
            return far + speed + "\n" + (remote.IsConnected ? "connected to Python" : message);
        }
    }
}
