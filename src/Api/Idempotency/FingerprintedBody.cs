using System.Security.Cryptography;
using System.Text;

namespace ScoringService.Api.Idempotency;

/// <summary>A request's body that takes the fingerprint of what is read from it.</summary>
sealed class FingerprintedBody : Stream
{
    const int BlockSize = 64 * 1024;

    readonly Stream body;
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    byte[]? fingerprint;

    public FingerprintedBody(HttpRequest request)
    {
        body = request.Body;
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Path}{request.QueryString}\n"));
    }

    /// <summary>SHA-256 of path, query and body; null until the body has been read to its end.</summary>
    public byte[]? Fingerprint => fingerprint;

    /// <summary>Reads what is left of the body.</summary>
    public async Task<byte[]> Drain(CancellationToken stop)
    {
        var buffer = new byte[BlockSize];
        while (await ReadAsync(buffer, stop) > 0)
        {
        }

        return fingerprint!;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await body.ReadAsync(buffer, cancellationToken);
        if (read > 0)
            hash.AppendData(buffer.Span[..read]);
        else if (buffer.Length > 0)
            fingerprint ??= hash.GetHashAndReset();
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            hash.Dispose();
        base.Dispose(disposing);
    }
}
