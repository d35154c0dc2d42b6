using System;
using BizHawk.Client.Common;
using BizHawk.Emulation.Common;
using Playthrough.Protocol;

namespace Playthrough.Tool
{
    /// <summary>
    /// The tool without its window: what BizHawk tells it becomes what the client hears. BizHawk says when a game was
    /// loaded and when a frame begins and ends; a timer goes on while it is paused.
    /// </summary>
    public sealed class RemoteControl : IDisposable
    {
        private readonly BizHawkGame _game = new BizHawkGame();
        private readonly Client _client;

        public RemoteControl(Invitation invitation, Action<string> log)
        {
            _client = new Client(_game, invitation, log);
        }

        public Progress Progress => _client.Progress;

        public bool IsConnected => _client.IsConnected;

        /// <summary>A game was loaded. It waits: every frame is Python's to ask for.</summary>
        public void Restart(ApiContainer apis, IVideoProvider video)
        {
            _game.Attach(apis, video);
            _game.Pause();
            _client.Restart();
        }

        public void Update(ToolFormUpdateType type)
        {
            switch (type)
            {
                case ToolFormUpdateType.PreFrame:
                case ToolFormUpdateType.FastPreFrame:
                    _client.BeforeFrame();
                    break;
                case ToolFormUpdateType.PostFrame:
                case ToolFormUpdateType.FastPostFrame:
                    _client.AfterFrame();
                    break;
            }
        }

        /// <summary>To be called many times a second.</summary>
        public void Tick()
        {
            _client.Idle();
        }

        public void Dispose()
        {
            _client.Dispose();
        }
    }
}
