// torch has one random generator a process, and many tests seed it and draw from it: side by side they would draw each other's numbers.
// The test projects themselves run side by side.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
