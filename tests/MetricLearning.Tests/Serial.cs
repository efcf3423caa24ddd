// torch has one random generator per process, and many tests seed it and draw from it. If they ran at the same time, they would draw each
// other's numbers. A class could run side by side with others only if it touches neither the generator nor other global state, such as
// torch's thread count and the environment. These are 36 classes with a third of the test time. Most of that time is in
// EvaluateFeaturesTests, which is one class. Measured on 2 cores, the 36 classes take 98 s one after another and 66 s side by side, and
// the whole suite takes about three minutes. Less than a fifth would be gained, so everything runs serially. The test projects themselves
// run side by side.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
