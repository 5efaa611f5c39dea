using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ScoringService.Benchmarks.Serving;

/// <summary>What the service answered; <see cref="Body"/> is valid until the connection is used again.</summary>
/// <param name="Status">Status code.</param>
/// <param name="RetryAfter">Seconds of <c>Retry-After</c>; null without one.</param>
/// <param name="InferenceMs">Milliseconds of <c>X-Inference-Time</c>; null without one.</param>
/// <param name="TotalMs">Milliseconds of <c>X-Total-Time</c>; null without one.</param>
/// <param name="Body">The body.</param>
readonly record struct Answer(int Status, double? RetryAfter, double? InferenceMs, double? TotalMs, ReadOnlyMemory<byte> Body)
{
    /// <summary>Responses that were scored.</summary>
    public int Scored => Body.Span.Count("\"status\":\"scored\""u8);
}

/// <summary>
/// One kept-alive HTTP/1.1 connection to the service, as bare as a client can be: requests are bytes that lie ready, of an answer only what is
/// measured is read. It shares the machine with the service, and <see cref="System.Net.Http.HttpClient"/> would take more of it.
/// </summary>
sealed class HttpConnection : IDisposable
{
    readonly Socket socket;
    byte[] buffer = new byte[16 * 1024];
    byte[] body = new byte[16 * 1024];
    int filled;

    HttpConnection(Socket socket) => this.socket = socket;

    /// <summary>Connects to a port of the loopback interface.</summary>
    public static async Task<HttpConnection> OpenAsync(int port, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, stop);
            return new(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A request for the scores of responses, ready to be sent.</summary>
    public static byte[] Request(string key, ReadOnlySpan<byte> json) =>
    [
        .. Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"POST /v1/scores HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n")),
        .. json,
    ];

    /// <summary>Sends a request and leaves the answer to itself; the connection serves no more.</summary>
    public async ValueTask SendOnlyAsync(ReadOnlyMemory<byte> request, CancellationToken stop)
    {
        for (var sent = 0; sent < request.Length;)
            sent += await socket.SendAsync(request[sent..], stop);
    }

    /// <summary>Sends a request and reads the answer.</summary>
    /// <exception cref="IOException">The service closed the connection, or answered something else than HTTP.</exception>
    public async ValueTask<Answer> SendAsync(ReadOnlyMemory<byte> request, CancellationToken stop)
    {
        await SendOnlyAsync(request, stop);
        filled = 0;
        int end;
        while ((end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
            await ReceiveAsync(stop);
        var (status, retryAfter, inference, total, length) = ReadHead(buffer.AsSpan(0, end + 2));
        var start = end + 4;
        if (length is { } known)
        {
            while (filled < start + known)
                await ReceiveAsync(stop);
            return new(status, retryAfter, inference, total, buffer.AsMemory(start, known));
        }
        return new(status, retryAfter, inference, total, await ReadChunksAsync(start, stop));
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    static (int Status, double? RetryAfter, double? Inference, double? Total, int? Length) ReadHead(ReadOnlySpan<byte> head)
    {
        if (!head.StartsWith("HTTP/1.1 "u8) || !Utf8Parser.TryParse(head[9..], out int status, out _))
            throw new IOException("The service answered something else than HTTP/1.1.");
        var length = Number(head, "\r\nContent-Length: "u8);
        if (length is null && head.IndexOf("\r\nTransfer-Encoding: chunked"u8) < 0)
            throw new IOException("The service said neither how long its answer is nor that it comes in chunks.");
        return (
            status, Number(head, "\r\nRetry-After: "u8), Number(head, "\r\nX-Inference-Time: "u8), Number(head, "\r\nX-Total-Time: "u8),
            (int?)length);
    }

    static double? Number(ReadOnlySpan<byte> head, ReadOnlySpan<byte> header)
    {
        var at = head.IndexOf(header);
        return at >= 0 && Utf8Parser.TryParse(head[(at + header.Length)..], out double number, out _) ? number : null;
    }

    async ValueTask<ReadOnlyMemory<byte>> ReadChunksAsync(int position, CancellationToken stop)
    {
        var length = 0;
        while (true)
        {
            int line;
            while ((line = buffer.AsSpan(position, filled - position).IndexOf("\r\n"u8)) < 0)
                await ReceiveAsync(stop);
            if (!Utf8Parser.TryParse(buffer.AsSpan(position, line), out int size, out _, 'x'))
                throw new IOException("A chunk of the answer does not say how long it is.");
            position += line + 2;
            while (filled < position + size + 2)
                await ReceiveAsync(stop);
            if (size == 0)
                return body.AsMemory(0, length);
            if (body.Length < length + size)
                Array.Resize(ref body, Math.Max(2 * body.Length, length + size));
            buffer.AsSpan(position, size).CopyTo(body.AsSpan(length));
            (length, position) = (length + size, position + size + 2);
        }
    }

    async ValueTask ReceiveAsync(CancellationToken stop)
    {
        if (filled == buffer.Length)
            Array.Resize(ref buffer, 2 * buffer.Length);
        var received = await socket.ReceiveAsync(buffer.AsMemory(filled), stop);
        filled += received > 0 ? received : throw new IOException("The service closed the connection before it had answered.");
    }
}
