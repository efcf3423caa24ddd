// The page: a picture goes to the server, products come back. Nothing is kept in the browser.

const $ = id => document.getElementById(id);
const canvas = $("picture"), pen = canvas.getContext("2d");

/** The longest side of the picture that is sent, in pixels. The network sees fewer pixels than this anyway. */
const longestSide = 768;

let bitmap = null;          // the picture that is searched for
let frame = null;           // the part of it to search for, as shares of its sides: { x, y, width, height }
let similarTo = null;       // the product whose similar products are shown; null for a search by picture
let chosen = 0;             // how many pictures have been chosen; the last one wins, even if an earlier one is loaded after it
let search = null;          // aborts the search that runs
let example = 0;
let told = null;            // the last message of the server about a folder

// --- The server ---

/** An error whose message is for the user. */
class Failure extends Error { }

/** Sends a request, and returns the answer to it. */
async function call(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  let reason = null;
  try {
    reason = (await answer.json()).detail;
  } catch {
    // The answer has no reason.
  }
  throw new Failure(reason ?? `The server answered ${answer.status}.`);
}

const messageOf = error => error instanceof Failure ? error.message : "The answer of the server broke off. Try again.";

// --- The picture ---

/** Loads a picture, shows it and searches for it. */
async function show(load, nameOfIt = "This") {
  const number = ++chosen;
  try {
    const blob = await load();
    const loaded = await createImageBitmap(blob, { imageOrientation: "from-image" })
      .catch(() => { throw new Failure(`${nameOfIt} is not a picture that the browser can open.`); });
    if (number !== chosen) return loaded.close();
    bitmap?.close();
    bitmap = loaded;
  } catch (error) {
    if (number === chosen) fail(messageOf(error));
    return;
  }
  frame = null;
  $("drop").classList.add("filled");
  for (const id of ["picture", "query-buttons", "crop-hint"]) $(id).hidden = false;
  hide($("invite"), canvas);
  draw();
  await searchByPicture();
}

/** Hides a part of the page. If the focus is in it, the focus goes on to another part. */
function hide(part, next) {
  const hasFocus = part.contains(document.activeElement);
  part.hidden = true;
  if (hasFocus) next.focus();
}

function draw() {
  const scale = Math.min(1, 640 / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (!frame) return;
  const [x, y, width, height] = inPixels(frame, canvas);
  pen.fillStyle = "rgba(0, 0, 0, 0.55)";
  pen.beginPath();
  pen.rect(0, 0, canvas.width, canvas.height);
  pen.rect(x, y, width, height);
  pen.fill("evenodd");
  pen.strokeStyle = "#fff";
  pen.lineWidth = 2;
  pen.strokeRect(x, y, width, height);
}

const inPixels = (part, of) => [part.x * of.width, part.y * of.height, part.width * of.width, part.height * of.height];

/** The framed part of the picture, no larger than needed, as a file. */
function cut() {
  const [x, y, width, height] = inPixels(frame ?? { x: 0, y: 0, width: 1, height: 1 }, bitmap);
  const scale = Math.min(1, longestSide / Math.max(width, height));
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(1, Math.round(width * scale));
  sheet.height = Math.max(1, Math.round(height * scale));
  const pen = sheet.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, x, y, width, height, 0, 0, sheet.width, sheet.height);
  return new Promise(resolve => sheet.toBlob(resolve, "image/png"));
}

// --- The frame: by pointer and by keys ---

let start = null;

const at = event => {
  const box = canvas.getBoundingClientRect();
  return { x: clamp((event.clientX - box.left) / box.width), y: clamp((event.clientY - box.top) / box.height) };
};
const clamp = value => Math.min(1, Math.max(0, value));

canvas.addEventListener("pointerdown", event => {
  start = at(event);
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", event => {
  if (!start) return;
  const end = at(event);
  frame = { x: Math.min(start.x, end.x), y: Math.min(start.y, end.y), width: Math.abs(end.x - start.x), height: Math.abs(end.y - start.y) };
  draw();
});
canvas.addEventListener("pointerup", () => {
  if (!start) return;
  start = null;
  if (frame && (frame.width < 0.04 || frame.height < 0.04)) frame = null;
  draw();
  searchByPicture();
});
canvas.addEventListener("pointercancel", () => { start = null; });

canvas.addEventListener("keydown", event => {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
  if (event.key === "Enter") searchByPicture();
  if (!dx && !dy) return;
  event.preventDefault();
  const step = 0.04;
  frame ??= { x: 0.1, y: 0.1, width: 0.8, height: 0.8 };
  if (event.shiftKey) {
    frame.width = Math.min(1 - frame.x, Math.max(0.1, frame.width + dx * step));
    frame.height = Math.min(1 - frame.y, Math.max(0.1, frame.height + dy * step));
  } else {
    frame.x = Math.min(1 - frame.width, Math.max(0, frame.x + dx * step));
    frame.y = Math.min(1 - frame.height, Math.max(0, frame.y + dy * step));
  }
  draw();
});

// --- Where pictures come from ---

function showFile(file, nameOfIt = file?.name) {
  if (file) show(async () => file, nameOfIt);
}

$("choose").onclick = $("another").onclick = () => $("file").click();
$("photograph").onclick = () => $("camera").click();
for (const input of [$("file"), $("camera")])
  input.onchange = () => {
    showFile(input.files[0]);
    input.value = "";
  };

$("example").onclick = $("another-example").onclick = () => show(async () => (await call(`api/examples/${example++}`)).blob());
$("whole").onclick = () => {
  frame = null;
  draw();
  searchByPicture();
};

document.addEventListener("dragover", event => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
document.addEventListener("drop", event => {
  event.preventDefault();
  $("drop").classList.remove("over");
  showFile(event.dataTransfer.files[0]);
});
document.addEventListener("paste", event => {
  showFile([...event.clipboardData.files].find(item => item.type.startsWith("image/")), "What was pasted");
});

// --- Searching ---

async function searchByPicture() {
  similarTo = null;
  await find("api/search", async () => {
    const picture = await cut();
    return { method: "POST", body: picture, headers: { "Content-Type": picture.type } };
  });
}

async function searchByProduct(product) {
  similarTo = product;
  await find(`api/products/${encodeURIComponent(product.id)}/similar`, async () => ({}));
}

/** Sends a search and lists what it finds, unless another search begins meanwhile. */
async function find(path, request) {
  search?.abort();
  const mine = search = new AbortController();
  const tag = $("tag").value;
  $("found").classList.add("busy");
  try {
    const options = await request();
    const answer = await call(tag ? `${path}?tag=${encodeURIComponent(tag)}` : path, { ...options, signal: mine.signal });
    const found = await answer.json();
    if (search === mine) list(found, tag);
  } catch (error) {
    if (search !== mine) return;
    list({ results: [], answer: null }, tag);
    $("summary").textContent = "";
    fail(messageOf(error));
  } finally {
    if (search === mine) $("found").classList.remove("busy");
  }
}

function list(found, tag) {
  const [count, like] = [found.results.length, similarTo ? ` like ${similarTo.name}` : ""];
  $("error").hidden = $("empty").hidden = true;
  $("summary").textContent = count === 0
    ? `Nothing ${similarTo ? "else " : ""}is in the catalogue${tag ? " under this tag" : ""}.`
    : `${count === 1 ? "1 product" : `${count} products`}${like}, the most similar first.`;
  const answer = $("answer");
  answer.hidden = !found.answer;
  if (found.answer) {
    answer.className = found.answer.kind;
    const title = document.createElement("strong");
    title.textContent = found.answer.title;
    answer.replaceChildren(title, found.answer.text);
  }
  $("results").replaceChildren(...found.results.map(result => {
    const item = $("result").content.cloneNode(true);
    const [button, image] = [item.querySelector("button"), item.querySelector("img")];
    image.src = result.picture;
    item.querySelector(".name").textContent = result.name;
    item.querySelector(".score").textContent = `similarity ${result.score.toFixed(3)}`;
    button.title = `Search for products like ${result.name}`;
    button.onclick = async () => {
      await searchByProduct(result);
      $("results").querySelector("button")?.focus();
    };
    return item;
  }));
}

function fail(message) {
  $("error").textContent = message;
  $("error").hidden = false;
}

$("tag").onchange = () => {
  if (similarTo) searchByProduct(similarTo);
  else if (bitmap) searchByPicture();
};

// --- What the server does ---

function follow() {
  const events = new EventSource("api/events");
  events.onmessage = message => report(JSON.parse(message.data));
  events.onerror = () => {
    $("count").textContent = "The server does not answer.";
    $("activity").hidden = true;
    // The browser connects again by itself, unless the server refused the request.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
  };
}

function report(status) {
  $("count").textContent = status.count === 1 ? "1 product" : `${status.count.toLocaleString("en")} products`;
  $("activity").hidden = !status.activity;
  // A screen reader reads this text whenever it is set, so it is set once for each activity.
  if (status.activity && $("activity-text").textContent !== status.activity) $("activity-text").textContent = status.activity;
  $("activity-detail").textContent = status.detail ?? "";
  if (status.share == null) $("activity-bar").removeAttribute("value");
  else $("activity-bar").value = status.share;
  if (status.canStop) $("cancel").hidden = false;
  else hide($("cancel"), $("folder"));
  if (status.message !== told) {
    told = status.message;
    $("index-message").textContent = told ?? "";
  }
  const tags = [...$("tag").options].slice(1).map(option => option.value);
  if (tags.join("\n") !== status.tags.join("\n")) {
    const selected = $("tag").value;
    $("tag").replaceChildren(new Option("everything", ""), ...status.tags.map(tag => new Option(tag, tag)));
    $("tag").value = status.tags.includes(selected) ? selected : "";
  }
}

follow();

/** Sends a request about folders. If it is refused, the form says why. */
async function ask(options) {
  try {
    $("index-message").textContent = "";
    await call("api/index", options);
  } catch (error) {
    $("index-message").textContent = messageOf(error);
  }
}

$("index-form").onsubmit = event => {
  event.preventDefault();
  ask({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ folder: $("folder").value }) });
};
$("cancel").onclick = () => ask({ method: "DELETE" });
