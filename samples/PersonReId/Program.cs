Console.WriteLine("PersonReId");
