using EvaluateFeatures;

// Evaluates features that any program extracted, by the protocols of the field.
return await App.RunAsync(Options.Command(), args);
