using System.Runtime.InteropServices;
using TorchSharp;

namespace ScoringService.Inference.Torch;

/// <summary>
/// The native library that training computes with. It is half a gigabyte, so it is loaded when something is first trained, and never by a process that only
/// scores.
/// </summary>
public static partial class Libtorch
{
    /// <summary>The only version whose functions TorchSharp's binding knows.</summary>
    const string Version = "2.10.0";

    static readonly Lazy<object?> Loaded = new(LoadOnce);

    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "libtorch");

    /// <summary>Loads the library, once for the process.</summary>
    /// <exception cref="PlatformNotSupportedException">It is missing, of another version, or refused by the system; the message says what to do.</exception>
    public static void Load() => _ = Loaded.Value;

    /// <summary>A scope whose end frees the tensors made in it; loads the library first.</summary>
    /// <exception cref="PlatformNotSupportedException">The library cannot be loaded.</exception>
    public static DisposeScope Scope()
    {
        Load();
#pragma warning disable RS0030 // Everyone else asks here, so that nothing of TorchSharp runs before the library is loaded.
        return torch.NewDisposeScope();
#pragma warning restore RS0030
    }

    static object? LoadOnce()
    {
        if (!Directory.Exists(Folder))
        {
            throw new PlatformNotSupportedException(
                $"Training needs libtorch {Version}, which this build does not carry: '{Folder}' does not exist. It is to be had for linux-x64, osx-arm64, win-x64 "
                + "and win-arm64; scoring works without it.");
        }
        // Steps are spread over threads of ours; threads of OpenMP would wait for each other in loops that burn the processors others need.
        SetEnvironment("OMP_NUM_THREADS", "1");
        SetEnvironment("OMP_WAIT_POLICY", "passive");
        // By path and in this order, so that no other copy on the host takes their place.
        foreach (var library in Libraries())
            LoadLibrary(Path.Combine(Folder, library));
        torch.InitializeDeviceType(DeviceType.CPU);
        torch.set_num_threads(1);
        CheckVersion();
        return null;
    }

    static string[] Libraries()
    {
        if (OperatingSystem.IsWindows())
            return ["c10.dll", "torch_cpu.dll", "torch.dll", "LibTorchSharp.dll"];
        return OperatingSystem.IsMacOS()
            ? ["libc10.dylib", "libtorch_cpu.dylib", "libtorch.dylib", "libLibTorchSharp.dylib"]
            : ["libc10.so", "libtorch_cpu.so", "libtorch.so", "libLibTorchSharp.so"];
    }

    static void LoadLibrary(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new PlatformNotSupportedException(
                $"Training needs libtorch, but '{path}' cannot be loaded: {e.Message} On Linux it needs glibc 2.28 and libstdc++ of GCC 11 or newer.", e);
        }
    }

    // Another version would be called with the wrong arguments, and compute something or crash.
    static unsafe void CheckVersion()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var text = default(NativeString);
        ShowConfiguration(&text);
        var configuration = Marshal.PtrToStringUTF8((nint)text.Characters, (int)text.Length);
        if (!configuration.Contains($"TORCH_VERSION={Version},", StringComparison.Ordinal))
        {
            throw new PlatformNotSupportedException(
                $"Training needs libtorch {Version} exactly; the library in '{Folder}' is another version. Build again, or restore the folder from the build.");
        }
    }

    static void SetEnvironment(string name, string value)
    {
        // The runtime's own copy of the environment is not what native libraries read.
        if (!OperatingSystem.IsWindows() && Environment.GetEnvironmentVariable(name) is null)
            _ = SetEnvironment(name, value, 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libtorch_cpu.so", EntryPoint = "_ZN2at11show_configB5cxx11Ev")]
    private static unsafe partial void ShowConfiguration(NativeString* result);

    /// <summary>A string of libstdc++, which C++ functions return through a hidden first argument.</summary>
    unsafe struct NativeString
    {
        public byte* Characters;
        public nuint Length;
        public fixed byte Short[16];
    }
}
