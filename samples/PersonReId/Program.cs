using PersonReId.Commands;

// Person re-identification with the library's own parts. Without a command the program runs a demo that needs no data.
return await App.RunAsync(CommandLine.Create(), args);
