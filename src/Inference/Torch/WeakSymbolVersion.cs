using System;
using System.IO;
using System.Text;
#if !WITHOUT_BUILD
using Microsoft.Build.Framework;
#endif

namespace ScoringService.Inference.Torch
{
    /// <summary>
    /// Copies a 64-bit ELF library and marks one symbol version that it needs as weak, so that the loader no longer refuses a host whose library lacks that version.
    /// A host that has it is served as before.
    /// </summary>
    /// <remarks>Compiled by the build itself, for .NET Standard 2.0; see Libtorch.targets for why it is needed.</remarks>
    public sealed partial class WeakSymbolVersion
    {
        const uint NeededVersions = 0x6ffffffe;
        const ushort Weak = 2;
        const int SectionSize = 64;

        /// <summary>Marks the version as weak; one that is marked already stays as it is.</summary>
        /// <param name="library">Bytes of the library, changed in place.</param>
        /// <param name="version">Name of the version.</param>
        /// <exception cref="FormatException">The file is no 64-bit little-endian ELF library, or does not need that version exactly once.</exception>
        public static void Mark(byte[] library, string version)
        {
            var isElf64 = library.Length >= 64 && library[0] == 0x7f && library[1] == 'E' && library[2] == 'L' && library[3] == 'F'
                && library[4] == 2 && library[5] == 1;
            if (!isElf64)
                throw new FormatException("it is no 64-bit little-endian ELF file.");

            var found = -1;
            var sections = Offset(library, 0x28);
            for (var section = 0; section < BitConverter.ToUInt16(library, 0x3c); section++)
            {
                var header = sections + section * SectionSize;
                if (BitConverter.ToUInt32(library, header + 4) != NeededVersions)
                    continue;
                var names = Offset(library, sections + (int)BitConverter.ToUInt32(library, header + 0x28) * SectionSize + 0x18);
                var file = Offset(library, header + 0x18);
                for (var files = BitConverter.ToUInt32(library, header + 0x2c); files > 0; files--)
                {
                    var entry = file + (int)BitConverter.ToUInt32(library, file + 8);
                    for (var entries = BitConverter.ToUInt16(library, file + 2); entries > 0; entries--)
                    {
                        if (Text(library, names + (int)BitConverter.ToUInt32(library, entry + 8)) == version)
                        {
                            if (found >= 0)
                                throw new FormatException($"it needs {version} more than once.");
                            found = entry + 4;
                        }
                        entry += (int)BitConverter.ToUInt32(library, entry + 12);
                    }
                    file += (int)BitConverter.ToUInt32(library, file + 12);
                }
            }
            if (found < 0)
                throw new FormatException($"it does not need {version}: another version of the package has to be looked at anew.");
            library[found] |= (byte)Weak;
        }

        static int Offset(byte[] library, int at)
        {
            return checked((int)BitConverter.ToUInt64(library, at));
        }

        static string Text(byte[] library, int at)
        {
            var end = Array.IndexOf(library, (byte)0, at);
            return end < 0 ? "" : Encoding.ASCII.GetString(library, at, end - at);
        }
    }

#if !WITHOUT_BUILD
    /// <content>The build's side of it.</content>
    public sealed partial class WeakSymbolVersion : Microsoft.Build.Utilities.Task
    {
        /// <summary>The library; it is not changed.</summary>
        [Required]
        public string Source { get; set; } = "";

        /// <summary>The copy.</summary>
        [Required]
        public string Destination { get; set; } = "";

        /// <summary>Name of the version, e.g. <c>GLIBCXX_3.4.32</c>.</summary>
        [Required]
        public string Version { get; set; } = "";

        /// <inheritdoc/>
        public override bool Execute()
        {
            var library = File.ReadAllBytes(Source);
            try
            {
                Mark(library, Version);
            }
            catch (Exception e) when (e is FormatException || e is ArgumentException || e is OverflowException)
            {
                Log.LogError("'{0}' cannot be prepared for hosts with an older libstdc++: {1}", Source, e.Message);
                return false;
            }
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(Destination)) ?? Destination);
            File.WriteAllBytes(Destination, library);
            return true;
        }
    }
#endif
}
