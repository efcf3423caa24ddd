using EvaluateFeatures;

// Evaluates features, wherever they were extracted, by the field's protocols.
return await App.RunAsync(Options.Command(), args);
