using System.CommandLine;
using System.Net;

namespace MetricLearning.Samples;

/// <summary>The options that say where a program listens.</summary>
internal sealed class ListenOptions
{
    private readonly Option<string> address;
    private readonly Option<int> port;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="usualPort">The port without an option.</param>
    /// <param name="others">The rest of the sentence that says what others in the network can do if the program listens on an address other
    /// than this computer's own.</param>
    public ListenOptions(Command command, int usualPort, string others)
    {
        address = new Option<string>("--address")
        {
            Description = $"The address to listen on; with any other than this computer's own, everyone in the network can {others}",
            DefaultValueFactory = _ => "127.0.0.1",
        };
        port = new Option<int>("--port") { Description = "The port; 0 for any that is free", DefaultValueFactory = _ => usualPort };
        address.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var given }] && !IPAddress.TryParse(given, out _))
                result.AddError("--address must be an IP address.");
        });
        CheckOptions.Each(port, number => number is >= 0 and <= IPEndPoint.MaxPort, $"--port must be from 0 to {IPEndPoint.MaxPort}.");
        command.Add(address);
        command.Add(port);
    }

    public IPEndPoint Read(ParseResult result) => new(IPAddress.Parse(result.GetRequiredValue(address)), result.GetValue(port));
}
