using System.Net;

namespace ProductSearch;

/// <summary>The settings from the command line.</summary>
internal sealed record Settings
{
    /// <summary>The folder of the network, the catalogue and its pictures.</summary>
    public required DirectoryInfo Data { get; init; }

    /// <summary>The folder whose subfolders the page may add.</summary>
    public required DirectoryInfo Photos { get; init; }

    /// <summary>The address to listen on.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>The port to listen on.</summary>
    public required int Port { get; init; }

    /// <summary>The number of products to draw.</summary>
    public required int Products { get; init; }

    /// <summary>How long the network is trained.</summary>
    public required TrainingAmount Training { get; init; }

    /// <summary>The seed of everything that is random.</summary>
    public required ulong Seed { get; init; }
}

/// <summary>How much a network is trained.</summary>
/// <param name="Products">The number of products.</param>
/// <param name="Views">The number of pictures of each.</param>
/// <param name="Epochs">The number of times that training uses each picture.</param>
internal sealed record TrainingAmount(int Products, int Views, int Epochs)
{
    /// <summary>About a minute on two cores.</summary>
    public static TrainingAmount Full { get; } = new(320, 10, 6);

    /// <summary>A few seconds: enough to see that everything works, not to search well.</summary>
    public static TrainingAmount Quick { get; } = new(32, 4, 2);
}
