// The same answers through .NET's own ClientWebSocket: bytes of a picture for every message.

using System;
using System.Net.WebSockets;
using System.Threading;

internal static class WebSocketPeer
{
    private static void Main()
    {
        string port = Environment.GetEnvironmentVariable("PLAYTHROUGH_PORT");
        int size = int.Parse(Environment.GetEnvironmentVariable("PEER_BYTES"));
        var question = new ArraySegment<byte>(new byte[4096]);
        var answer = new byte[size];
        new Random(1).NextBytes(answer);
        using (var socket = new ClientWebSocket())
        {
            socket.Options.AddSubProtocol("playthrough.1");
            socket.ConnectAsync(new Uri("ws://127.0.0.1:" + port + "/"), CancellationToken.None).Wait();
            Send(socket, Convert.FromBase64String(Environment.GetEnvironmentVariable("PEER_HELLO")));
            Buffer.BlockCopy(
                Convert.FromBase64String(Environment.GetEnvironmentVariable("PEER_HEAD")), 0, answer, 0, 20);
            while (socket.ReceiveAsync(question, CancellationToken.None).Result.Count > 0)
            {
                Send(socket, answer);
            }
        }
    }

    private static void Send(ClientWebSocket socket, byte[] data)
    {
        var whole = new ArraySegment<byte>(data);
        socket.SendAsync(whole, WebSocketMessageType.Binary, true, CancellationToken.None).Wait();
    }
}
