using System.CommandLine;
using ProductSearch;

// A web page that finds the product in a photo, with an exact index. Without options, the program draws all products and trains the
// network itself.
var data = new Option<DirectoryInfo>("--data")
{
    Description = "Where the network, the catalogue and its pictures are kept; by default among your local application data",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "MetricLearning", "ProductSearch")),
};
var photos = new Option<DirectoryInfo>("--photos")
{
    Description = "The page may add folders in this folder; by default in your home folder",
    DefaultValueFactory = _ => new DirectoryInfo(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)),
}.MustExist();
var products = new Option<int>("--products") { Description = "How many products are drawn", DefaultValueFactory = _ => 480 };
var seed = new Option<ulong>("--seed") { Description = "The seed of everything that is random", DefaultValueFactory = _ => 1 };
var quick = new Option<bool>("--quick") { Description = "Trains for a few seconds only: to see that it works" };
CheckOptions.Each(products, count => count is >= 0 and <= 9999, "--products must be from 0 to 9999.");

var root = new RootCommand("Finds products by a picture: a web page, and an exact index behind it.")
{
    data, photos, products, seed, quick,
};
var listen = new ListenOptions(root, usualPort: 5080, others: "search and add folders");
root.SetAction(async (parsed, cancellationToken) =>
{
    var place = listen.Read(parsed);
    var settings = new Settings
    {
        Data = Directory.CreateDirectory(parsed.GetValue(data)!.FullName),
        Photos = parsed.GetValue(photos)!,
        Address = place.Address,
        Port = place.Port,
        Products = parsed.GetValue(products),
        Training = parsed.GetValue(quick) ? TrainingAmount.Quick : TrainingAmount.Full,
        Seed = parsed.GetValue(seed),
    };
    await using var app = Server.Create(settings);
    await Listening.StartAsync(app, place.ToString(), cancellationToken);
    Ui.Line($"The catalogue is kept in {settings.Data.FullName}.");
    Ui.Line($"Open {app.Urls.First()} in a browser. Ctrl-C stops the program.");
    await app.WaitForShutdownAsync(cancellationToken);
    return Environment.ExitCode;
});
return await App.RunAsync(root, args);
