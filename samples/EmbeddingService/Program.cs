using System.CommandLine;
using System.Net;
using EmbeddingService;
using MetricLearning;

// A web service that turns pictures into vectors with an ONNX file, without libtorch. Without options it serves a ResNet-18 that was
// trained on ImageNet.
const int UsualPort = 5090;
var model = new Option<FileInfo>("--model")
{
    Description = "The ONNX file of the network; without it a ResNet-18 that is trained on ImageNet", HelpName = "FILE",
}.MustExist();
var size = new Option<int[]?>("--size")
{
    Description = "Height and width of its images, if the file does not say them", HelpName = "H W",
    Arity = new ArgumentArity(2, 2), AllowMultipleArgumentsPerToken = true,
};
var mean = Numbers("--mean", "The mean of each channel of values in [0, 1], if the file does not say it");
var deviation = Numbers("--deviation", "The deviation of each channel, if the file does not say it");
var normalize = new Option<bool>("--normalize") { Description = "Vectors have length 1, if the file does not say it" };
var threads = new Option<int>("--threads") { Description = "Threads of the network; 0 for as many as there are cores", HelpName = "N" };
var maxBytes = Limit("--max-bytes", "The most bytes of a picture's file", limits => limits.MaxBytes);
var maxPixels = Limit("--max-pixels", "The most pixels of a picture", limits => limits.MaxPixels);
var maxPictures = Limit("--max-pictures", "The most pictures of a request", limits => limits.MaxPictures);
var atOnce = Limit("--at-once", "Requests that are worked on at once", limits => limits.AtOnce);
var waiting = Limit("--waiting", "Requests that may wait; further ones are refused with 503", limits => limits.Waiting, least: 0);
CheckOptions.Each(size, side => side >= 1, "--size must have two numbers above 0.");
CheckOptions.Each(threads, count => count is >= 0 and <= 1024, "--threads must be from 0 to 1024.");

var root = new RootCommand("Turns pictures into vectors: a web service over an ONNX file.")
{
    model, size, mean, deviation, normalize, threads, maxBytes, maxPixels, maxPictures, atOnce, waiting,
};
var listen = new ListenOptions(root, UsualPort, others: "send pictures");
root.SetAction(async (parsed, cancellationToken) =>
{
    await using var app = Server.Create(new Settings
    {
        Network = parsed.GetValue(model)?.FullName ?? Pretrained(),
        Space = new EmbeddingSpace
        {
            Height = parsed.GetValue(size) is { Length: 2 } pixels ? pixels[0] : null,
            Width = parsed.GetValue(size) is { Length: 2 } columns ? columns[1] : null,
            Mean = parsed.GetValue(mean) is { Length: > 0 } means ? means : null,
            Deviation = parsed.GetValue(deviation) is { Length: > 0 } deviations ? deviations : null,
            Normalized = parsed.GetValue(normalize) ? true : null,
        },
        Place = listen.Read(parsed),
        Threads = parsed.GetValue(threads),
        Limits = new Limits
        {
            MaxBytes = parsed.GetValue(maxBytes),
            MaxPixels = parsed.GetValue(maxPixels),
            MaxPictures = parsed.GetValue(maxPictures),
            AtOnce = parsed.GetValue(atOnce),
            Waiting = parsed.GetValue(waiting),
        },
    });
    await Listening.StartAsync(app, listen.Read(parsed).ToString(), cancellationToken);
    Ui.Line($"Listening on {app.Urls.First()}. Ctrl-C stops the program.");
    await app.WaitForShutdownAsync(cancellationToken);
    return 0;
});

var output = new Option<FileInfo>("--output") { Description = "The file", HelpName = "FILE", Required = true };
var write = new Command("write-model", "Writes the ResNet-18 that is trained on ImageNet as one ONNX file, for --model") { output };
write.SetAction(parsed =>
{
    var file = parsed.GetRequiredValue(output).FullName;
    PretrainedNetwork.Write(file);
    Ui.Line($"network: {file}");
});
root.Add(write);

var check = new Command("check",
    "Exits with 0 if the service on this computer is ready, and with 1 if not, for a container's health check");
var port = ServicePort.Option(UsualPort);
check.Add(port);
check.SetAction(async (parsed, cancellationToken) =>
{
    using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
    try
    {
        var address = new UriBuilder(Uri.UriSchemeHttp, IPAddress.Loopback.ToString(), parsed.GetValue(port), "health/ready").Uri;
        return (await client.GetAsync(address, cancellationToken)).IsSuccessStatusCode ? 0 : 1;
    }
    catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
    {
        return 1;
    }
});
root.Add(check);
root.Add(LoadCommand.Create(UsualPort));
return await App.RunAsync(root, args);

static string Pretrained()
{
    var file = Path.GetFullPath("artifacts/embedding-service/resnet18-imagenet.onnx");
    Directory.CreateDirectory(Path.GetDirectoryName(file)!);
    // A file of an earlier version could hold another network, so it is written at each start. That takes less than a second.
    PretrainedNetwork.Write(file);
    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);      // the files' bytes are not needed while the service runs
    return file;
}

static Option<float[]?> Numbers(string name, string description) => new(name)
{
    Description = description, HelpName = "X ...", Arity = new ArgumentArity(1, 3), AllowMultipleArgumentsPerToken = true,
};

static Option<int> Limit(string name, string description, Func<Limits, int> usual, int least = 1)
{
    var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => usual(new Limits()) };
    CheckOptions.AtLeast(least, option);
    return option;
}
