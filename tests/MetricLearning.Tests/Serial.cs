// torch has one random generator per process, and many tests seed it and draw from it. If they ran at the same time, they would draw each
// other's numbers. Only the classes that touch neither the generator nor other global state (threads of torch, environment) could run side
// by side: 36 of the classes with a third of the test time, most of it in EvaluateFeaturesTests, which is one class. Measured on 2 cores,
// these classes take 98 s one after another and 66 s side by side, and the whole suite about three minutes: less than a fifth would be
// gained, so everything runs serially. The test projects themselves run side by side.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
