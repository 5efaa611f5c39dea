using System.Security.Cryptography;
using System.Text.Json;

namespace ScoringService.Benchmarks;

/// <summary>A short name for content: 16 hexadecimal digits of the SHA-256 of its JSON.</summary>
static class ContentHash
{
    public static string Of<T>(T content) => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(content)))[..16];
}
