using System.Buffers.Binary;
using System.Text;
using ScoringService.Inference.Torch;

namespace ScoringService.Inference.Tests.Torch;

/// <summary>The build step that lets a library built with a newer compiler load beside an older libstdc++.</summary>
public sealed class WeakSymbolVersionTests
{
    const int FlagsAt = 64 + 16 + 4;

    [Fact]
    public void The_one_version_is_marked_and_nothing_else_changes()
    {
        var library = Library("GLIBCXX_9", "GLIBCXX_8");
        var before = library.ToArray();

        WeakSymbolVersion.Mark(library, "GLIBCXX_9");

        Assert.Equal(2, library[FlagsAt]);
        library[FlagsAt] = 0;
        Assert.Equal(before, library);
    }

    [Fact]
    public void Marking_again_changes_nothing()
    {
        var library = Library("GLIBCXX_9");
        WeakSymbolVersion.Mark(library, "GLIBCXX_9");
        var once = library.ToArray();

        WeakSymbolVersion.Mark(library, "GLIBCXX_9");

        Assert.Equal(once, library);
    }

    [Fact]
    public void A_library_that_does_not_need_the_version_is_refused() =>
        Assert.Contains("does not need GLIBCXX_7", Refusal(Library("GLIBCXX_9"), "GLIBCXX_7"), StringComparison.Ordinal);

    [Fact]
    public void A_version_that_is_needed_twice_is_refused() =>
        Assert.Contains("more than once", Refusal(Library("GLIBCXX_9", "GLIBCXX_9"), "GLIBCXX_9"), StringComparison.Ordinal);

    [Fact]
    public void A_file_of_another_kind_is_refused() =>
        Assert.Contains("no 64-bit little-endian ELF", Refusal(Encoding.ASCII.GetBytes(new string('x', 100)), "GLIBCXX_9"), StringComparison.Ordinal);

    [Fact]
    public void The_binding_of_the_build_is_marked()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var shipped = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libtorch", "libLibTorchSharp.so"));
        var again = shipped.ToArray();

        WeakSymbolVersion.Mark(again, "GLIBCXX_3.4.32");

        Assert.Equal(shipped, again);
    }

    static string Refusal(byte[] library, string version) =>
        Assert.Throws<FormatException>(() => WeakSymbolVersion.Mark(library, version)).Message;

    // The least of an ELF file: one file that is needed in some versions, their names, and two section headers.
    static byte[] Library(params string[] versions)
    {
        var entries = 16 * versions.Length;
        var names = 64 + 16 + entries;
        var text = Encoding.ASCII.GetBytes(string.Join('\0', versions) + '\0');
        var sections = names + text.Length;
        var library = new byte[sections + 128];
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1 }.CopyTo(library, 0);
        Write64(0x28, sections);
        BinaryPrimitives.WriteUInt16LittleEndian(library.AsSpan(0x3c), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(library.AsSpan(64 + 2), (ushort)versions.Length);
        Write32(64 + 8, 16);
        var name = 0;
        for (var i = 0; i < versions.Length; i++)
        {
            Write32(80 + (16 * i) + 8, name);
            Write32(80 + (16 * i) + 12, i + 1 < versions.Length ? 16 : 0);
            name += versions[i].Length + 1;
        }
        text.CopyTo(library, names);
        Write32(sections + 4, 0x6ffffffe);
        Write64(sections + 0x18, 64);
        Write32(sections + 0x28, 1);
        Write32(sections + 0x2c, 1);
        Write64(sections + 64 + 0x18, names);
        return library;

        void Write32(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(at), value);

        void Write64(int at, int value) => BinaryPrimitives.WriteInt64LittleEndian(library.AsSpan(at), value);
    }
}
