using System.CommandLine;
using System.Net;

namespace EmbeddingService;

/// <summary>The option that names the port of a running service on this computer.</summary>
internal static class ServicePort
{
    public static Option<int> Option(int usualPort)
    {
        var option = new Option<int>("--port") { Description = "The port of the service", DefaultValueFactory = _ => usualPort };
        CheckOptions.Each(option, port => port is >= 1 and <= IPEndPoint.MaxPort, $"{option.Name} must be from 1 to {IPEndPoint.MaxPort}.");
        return option;
    }
}
