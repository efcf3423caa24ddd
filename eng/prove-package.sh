#!/usr/bin/env bash
# Proves that the packages work for a user: packs them into a temporary feed, and uses them in fresh projects outside this repository.
# On Linux the projects restore libtorch (130 MB, once) into the usual NuGet cache; all else is temporary and removed at the end.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
version=0.0.0-proof.$(date -u +%Y%m%d%H%M%S).$$
packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
trap 'rm -rf "$work" "${packages%/}"/metriclearning*/"$version"' EXIT

# The fresh projects see none of our settings; libtorch is linked into their output, not copied, where the file system can.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 CreateHardLinksForCopyLocalIfPossible=true
unset CI

step() { printf '\n== %s\n' "$1"; }
fail() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }
restored() { # PACKAGE DEPENDENCIES [FRAMEWORK]: what NuGet has unpacked is complete
  local package=$1 wanted=$2 framework=${3:-net8.0} folder ids
  folder=${packages%/}/$(tr '[:upper:]' '[:lower:]' <<<"$package")/$version
  for entry in README.md CHANGELOG.md icon.png "lib/$framework/$package.dll" "lib/$framework/$package.xml"; do
    [ -f "$folder/$entry" ] || fail "$package has no $entry"
  done
  [ -f "$work/feed/$package.$version.snupkg" ] || fail "$package has no symbols"
  ids=$(sed -n 's/.*<dependency id="\([^"]*\)".*/\1/p' "$folder"/*.nuspec | sort | tr '\n' ' ')
  [ "$ids" = "$wanted " ] || fail "$package depends on $ids"
  echo "$package depends on: $ids"
}
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 60 "$work/log" >&2; fail "$*"; }; }
expect() { # TEXT COMMAND...: the command succeeds and prints the text
  local text=$1; shift
  "$@" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err" >&2; fail "$* exited with an error"; }
  grep -qF -- "$text" "$work/out" || { cat "$work/out" "$work/err" >&2; fail "$* did not print: $text"; }
}
refuse() { # TEXT COMMAND...: the command fails, and its only line of error has the text
  local text=$1; shift
  if "$@" >"$work/out" 2>"$work/err"; then cat "$work/out" >&2; fail "$* succeeded"; fi
  [ "$(wc -l <"$work/err")" = 1 ] && grep -qF -- "$text" "$work/err" || { cat "$work/err" >&2; fail "$* did not refuse with: $text"; }
}

step "Pack $version"
mkdir "$work/feed"
for project in src/MetricLearning{,.Vision,.Search,.Search.Sqlite,.Search.Postgres,.Onnx,.Onnx.Runtime} templates; do
  # The version of the packages alone: another version of the assemblies would compile them again.
  quietly dotnet pack -c Release "$root/$project" -o "$work/feed" -p:PackageVersion="$version"
done
ls "$work/feed"

case $(uname -s) in Linux) backend=libtorch-cpu-linux-x64 ;; *) backend=TorchSharp-cpu ;; esac

project() { # NAME TEMPLATE PACKAGE@VERSION...: makes a fresh project that refers to packages; its first build restores them
  local name=$1 template=$2 package; shift 2
  quietly dotnet new "$template" -n "$name" --framework net10.0 --no-restore
  for package in "$@"; do
    quietly dotnet add "$name" package "${package%@*}" --version "${package#*@}" --no-restore
  done
}

cd "$work"
cat >NuGet.config <<XML
<configuration><packageSources><add key="proof" value="$work/feed" /></packageSources></configuration>
XML

step "A console program whose first line touches torch"
quietly dotnet new console -n App --framework net10.0
cd App
quietly dotnet add package MetricLearning --version "$version"
quietly dotnet add package "$backend"
restored MetricLearning "MathNet.Numerics TorchSharp"
cat >Program.cs <<'CS'
using var x = TorchSharp.torch.eye(3);
using var distances = MetricLearning.Distance.Cosine.Matrix(x, x);
Console.WriteLine($"sum of distances {distances.sum().item<float>():0}");
CS
expect "sum of distances 6" dotnet run -c Release
backend+=@$(sed -nE "s/.*Include=\"$backend\" Version=\"([^\"]*)\".*/\1/p" App.csproj)      # the newest, for all projects below
grep -q MetricLearning.Generated obj/Release/net10.0/App.dll || fail "the start-up file is not compiled in"
echo "dotnet run: $(tail -n 1 "$work/out")"

step "The same, published as one file"
quietly dotnet publish -c Release --use-current-runtime --self-contained false -p:PublishSingleFile=true -o published
expect "sum of distances 6" ./published/App
echo "published: $(cat "$work/out")"
cd ..

step "A class library with MetricLearning.Vision, and its tests, which do not name it"
project Library classlib MetricLearning.Vision@"$version"
project Tests console "$backend" xunit.v3.mtp-v2@3.2.2
quietly dotnet add Tests reference Library
rm Library/Class1.cs Tests/Program.cs
cat >Library/Model.cs <<'CS'
namespace Library;
public static class Model
{
    public static float Sum() { using var x = TorchSharp.torch.eye(3); using var d = MetricLearning.Distance.Cosine.Matrix(x, x); return d.sum().item<float>(); }
}
CS
cat >Tests/ModelTests.cs <<'CS'
public class ModelTests
{
    [Xunit.Fact] public void TouchesTorchFirst() { using var x = TorchSharp.torch.ones(2); Xunit.Assert.Equal(2, x.sum().item<float>()); }
    [Xunit.Fact] public void UsesTheLibrary() => Xunit.Assert.Equal(6, Library.Model.Sum());
}
CS
echo '{ "test": { "runner": "Microsoft.Testing.Platform" } }' >global.json
cd Tests
expect "succeeded: 2" dotnet test -c Release
restored MetricLearning.Vision "MetricLearning SkiaSharp SkiaSharp.NativeAssets.Linux.NoDependencies"
echo "dotnet test: $(grep -E 'succeeded|failed' "$work/out" | tr -s ' \n' ' ')"
cd ..

step "A newcomer's programs: a loss and a miner of one's own, a web API that embeds concurrently"
program() { # NAME TEMPLATE TEXT...: a fresh project with one file of eng/consumers prints each text
  local name=$1 template=$2; shift 2
  project "$name" "$template" MetricLearning@"$version" "$backend"
  cp "$root/eng/consumers/$name.cs" "$name/Program.cs"
  cd "$name"
  expect "$1" dotnet run -c Release; shift
  for text in "$@"; do grep -qF -- "$text" "$work/out" || fail "$name did not print: $text"; done
  echo "$name: $(tr '\n' ';' <"$work/out")"
  cd ..
}
program CustomLoss console "the loss is right" "the gradient is finite"
program CustomMiner console "the miner found pairs" "both ways give one value"
program WebApi web "64 of 64 answers are right"

step "The programs of the pages, written from their C# alone"
page() { # NAME PAGE TEXT...: the pieces of a page, one after the other, are a program that prints each text
  local name=$1 page=$2; shift 2
  project "$name" console MetricLearning.Vision@"$version" "$backend"
  cd "$name"
  awk '/^```csharp/ { getline; type = /^(\/\/\/|sealed class|static class)/; code = 1 } /^```$/ { code = 0 } code && !type' "$root/docs/$page" >Program.cs
  grep -E '^using [^v(]*;' Program.cs >Types.cs
  awk '/^```csharp/ { getline; type = /^(\/\/\/|sealed class|static class)/; code = 1 } /^```$/ { code = 0 } code && type' "$root/docs/$page" >>Types.cs
  expect "$1" dotnet run -c Release; shift
  for text in "$@"; do grep -qF -- "$text" "$work/out" || fail "$page did not print: $text"; done
  echo "$page:"; cat "$work/out"
  cd ..
}
page Started getting-started.md "trained: rank-1 9" "two pictures of one thing are"
page Extending extending.md "loss: " "miner: 384 pairs" "dataset: 15 images to train on" "protocol: 64 queries under 'other days'" "wrapped: " "metric: the first match is at rank"

step "The quick start of the README, as a single file"
mkdir Single
awk '/^```csharp/ { code = 1; next } /^```$/ { code = 0 } code' "$root/README.md" |
  sed -E "s/^(#:package MetricLearning@).*/\1$version/" >Single/quickstart.cs
case $backend in TorchSharp-cpu*) sed -i.bak 's/^#:package libtorch.*/#:package TorchSharp-cpu@0.107.0/' Single/quickstart.cs ;; esac
expect "trained: rank-1 7" dotnet run Single/quickstart.cs
echo "quickstart.cs: $(tr '\n' ';' <"$work/out")"

step "The templates: made, built and run; one trains, and the others use what it wrote"
quietly dotnet new install "$work/feed/MetricLearning.Templates.$version.nupkg" --debug:custom-hive "$work/hive"
made() { # NAME TEMPLATE
  quietly dotnet new "$2" -n "$1" --debug:custom-hive "$work/hive" --no-update-check
  quietly dotnet build -c Release "$1"
}
program_of() { echo "$work/$1/bin/Release/net10.0/$1"; }
server=
serve() { # NAME ARGUMENTS...: starts a server; $address is where it listens
  local name=$1; shift
  # Not in the folder of the project: a program finds its own files wherever it is started.
  (cd "$work" && ASPNETCORE_URLS=http://127.0.0.1:0 exec "$(program_of "$name")" "$@") >"$work/log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    address=$(sed -nE 's/^(open|listening on) (http[^ ]*).*/\2/p' "$work/log")
    [ -z "$address" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
  done
  cat "$work/log" >&2; fail "$name does not listen"
}
end_server() { kill "$server" && wait "$server" || true; server=; }
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work" "${packages%/}"/metriclearning*/"$version"' EXIT

made Training metriclearning-train
cd Training
expect "run/report.html" "$(program_of Training)" "$work/Started/pictures" 2
expect "resumed after epoch 2" "$(program_of Training)" "$work/Started/pictures" 2
refuse "belongs to a run of 2 epochs" "$(program_of Training)" "$work/Started/pictures" 3
refuse "There is no folder $work/missing" "$(program_of Training)" "$work/missing"
grep -q '<section' run/report.html || fail "the report has no content"
mkdir few
cp -r "$work"/Started/pictures/thing-0? few
refuse "few: 4 things are left to train on, and a batch takes 16" "$(program_of Training)" few
cd ..
made Evaluation metriclearning-evaluate
cd Evaluation
expect "report.html" "$(program_of Evaluation)" "$work/Training/run/features.npz"
echo "Evaluation: $(grep -m 1 rank-1 "$work/out")"
refuse "There is no file missing.npz" "$(program_of Evaluation)" missing.npz
array() { # BYTES...: four rows of two float32 numbers as a .npy file
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }"; printf '%b' "$@"
}
one='\0\0\0200\077\0\0\0\0' other='\0\0\0\0\0\0\0200\077' nan='\0\0\0300\0177\0\0\0\0'
array "$one" "$one" "$other" "$other" >set.npy
array "$one" "$nan" "$other" "$other" >nan.npy
printf 'pid\n1\n1\n2\n2\n' | tee set.csv >nan.csv
expect "self-retrieval" "$(program_of Evaluation)" set.npy
refuse "nan.npy: " "$(program_of Evaluation)" nan.npy
cd ..
picture=$work/Started/pictures/thing-00/00.ppm
made SearchPage metriclearning-search
refuse "There is no folder $work/missing" "$(program_of SearchPage)" "$work/Training/run/model.onnx" "$work/missing"
# No computer has this address, which is one of documentation.
foreign=http://192.0.2.1:5000
refuse "cannot listen at $foreign" env ASPNETCORE_URLS="$foreign" "$(program_of SearchPage)" "$work/Training/run/model.onnx" "$work/Started/pictures"
serve SearchPage "$work/Training/run/model.onnx" "$work/Started/pictures"
expect '"key":"thing-00/00.ppm"' curl -sf --data-binary "@$picture" "$address/search"
expect "Find by picture" curl -sf "$address/"
expect "image/jpeg" curl -sf -o /dev/null -w '%{content_type}' "$address/pictures/thing-00/00.ppm"
cp "$picture" "$work/Started/outside.ppm"
for path in ../outside.ppm ..%2foutside.ppm %2e%2e/outside.ppm; do
  ! curl -sf --path-as-is -o /dev/null "$address/pictures/$path" || fail "the page serves $path"
done
end_server
made Embeddings metriclearning-service
refuse "missing.onnx" "$(program_of Embeddings)" missing.onnx "$work/items.db"
refuse "cannot listen at $foreign" env ASPNETCORE_URLS="$foreign" "$(program_of Embeddings)" "$work/Training/run/model.onnx" "$work/items.db"
serve Embeddings "$work/Training/run/model.onnx" "$work/items.db"
quietly curl -sf -X PUT --data-binary "@$picture" "$address/items/first?kind=disc"
expect '"id":"first"' curl -sf --data-binary "@$picture" "$address/search?kind=disc&top=3"
# The first ID has a slash, and the second one the text %2F. An empty kind is none.
quietly curl -sf -X PUT --data-binary "@$picture" "$address/items/a%2Fb?kind="
quietly curl -sf -X PUT --data-binary "@$picture" "$address/items/a%252Fb"
expect '"id":"a/b","kind":null' curl -sf --data-binary "@$picture" "$address/search?kind="
grep -q '"id":"a%2Fb","kind":null' "$work/out" || { cat "$work/out"; fail "the service mixes up two IDs"; }
quietly curl -sf -X DELETE "$address/items/a%252Fb"
expect '"id":"a/b"' curl -sf --data-binary "@$picture" "$address/search"
[ "$(curl -s -o /dev/null -w '%{http_code}' --data-binary 'no picture' "$address/embed")" = 400 ] || fail "the service accepts a file that is not a picture"
expect "top must be a whole number from 1 to 1000" curl -s --data-binary "@$picture" "$address/search?top=5000"
end_server
echo "templates: train, resume, evaluate, search, service"

step "A service that searches, without any libtorch package"
project Search console MetricLearning.Search.Sqlite@"$version"
cp "$root/eng/consumers/Search.cs" Search/Program.cs
cd Search
expect "the nearest is shoe-7" dotnet run -c Release
restored MetricLearning.Search "MetricLearning Microsoft.Extensions.DependencyInjection.Abstractions Microsoft.Extensions.VectorData.Abstractions"
restored MetricLearning.Search.Sqlite "MetricLearning.Search Microsoft.Data.Sqlite" net10.0
[ -z "$(find bin -name '*torch*.so*' -o -name 'torch*.dll')" ] || fail "a native library of torch is in the output"
echo "Search: $(tr '\n' ';' <"$work/out")"
cd ..

step "A service that searches a database, built without one"
project Database console MetricLearning.Search.Postgres@"$version"
cp "$root/eng/consumers/Database.cs" Database/Program.cs
cd Database
expect "the server is not there" dotnet run -c Release
restored MetricLearning.Search.Postgres "MetricLearning.Search Npgsql"
[ -z "$(find bin -name '*torch*.so*' -o -name 'torch*.dll')" ] || fail "a native library of torch is in the output"
cd ..

step "A network that leaves as ONNX, and ONNX Runtime that runs it"
project Exported console MetricLearning.Onnx@"$version" "$backend" Microsoft.ML.OnnxRuntime@1.31.1
cp "$root/eng/consumers/Exported.cs" Exported/Program.cs
cd Exported
expect "ONNX Runtime gives the same embeddings" dotnet run -c Release
restored MetricLearning.Onnx "MetricLearning"
echo "Exported: $(tail -n 1 "$work/out")"
cd ..

step "A service that embeds with the file, without libtorch"
project Served console MetricLearning.Onnx.Runtime@"$version" Microsoft.ML.OnnxRuntime@1.31.1
cp "$root/eng/consumers/Served.cs" Served/Program.cs
cd Served
quietly dotnet publish -c Release --use-current-runtime --self-contained false -o published
expect "128 numbers of length 1, without libtorch" ./published/Served ../Exported/network.onnx
restored MetricLearning.Onnx.Runtime "MetricLearning.Vision Microsoft.ML.OnnxRuntime.Managed"
echo "Served: $(tail -n 1 "$work/out"), published in $(du -sm published | cut -f 1) MB"
cd ..

step "The same without the native part of ONNX Runtime, which the error names"
project Unserved console MetricLearning.Onnx.Runtime@"$version"
cp "$root/eng/consumers/Served.cs" Unserved/Program.cs
cd Unserved
quietly dotnet build -c Release
if dotnet run --no-build -c Release -- ../Exported/network.onnx >"$work/out" 2>&1; then fail "it ran without the native part"; fi
grep -q "Add one of its packages to the application, such as Microsoft.ML.OnnxRuntime 1.31.1" "$work/out" ||
  { cat "$work/out"; fail "the error does not name the package"; }
cd ..

step "An F# script, which no start-up file prepares"
cat >script.fsx <<FSX
#i "nuget: $work/feed"
#r "nuget: MetricLearning, $version"
#r "nuget: ${backend/@/, }"
MetricLearning.TorchNativeLibrary.EnsureLoaded()
printfn "sum %d" (TorchSharp.torch.ones(3L).sum().item<float32>() |> int)
FSX
expect "sum 3" dotnet fsi script.fsx
echo "dotnet fsi: $(cat "$work/out")"

step "Switched off by the property: the start-up file is left out"
cd App
quietly dotnet build -c Release -p:MetricLearningNativeFix=false
! grep -q MetricLearning.Generated obj/Release/net10.0/App.dll || fail "the start-up file is compiled in all the same"
cd ..

printf '\nThe packages work: console program, single file, a library with its tests, the programs of a newcomer and of the pages, the templates.\n'
