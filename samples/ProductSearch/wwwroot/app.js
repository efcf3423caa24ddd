// The page: a picture goes to the server, products come back. Nothing is kept in the browser.

const $ = id => document.getElementById(id);
const canvas = $("picture"), pen = canvas.getContext("2d");

/** The longest side of the picture that is sent, in pixels. The network sees fewer pixels than this anyway. */
const longestSide = 768;

let bitmap = null;          // the picture that is searched for
let frame = null;           // the part of it to search for, as shares of its sides: { x, y, width, height }
let similarTo = null;       // the product whose similar products are shown; null for a search by picture
let search = null;          // aborts the search that runs
let example = 0;

// --- The picture ---

async function show(blob, nameOfIt) {
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    return fail(`${nameOfIt ?? "This"} is not a picture that the browser can open.`);
  }
  frame = null;
  similarTo = null;
  $("drop").classList.add("filled");
  $("invite").hidden = true;
  for (const id of ["picture", "query-buttons", "crop-hint"]) $(id).hidden = false;
  draw();
  await searchByPicture();
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

$("choose").onclick = $("another").onclick = () => $("file").click();
$("photograph").onclick = () => $("camera").click();
for (const input of [$("file"), $("camera")])
  input.onchange = () => {
    if (input.files[0]) show(input.files[0], input.files[0].name);
    input.value = "";
  };

$("example").onclick = $("another-example").onclick = async () => {
  const answer = await fetch(`api/examples/${example++}`);
  if (!answer.ok) return fail(await reason(answer));
  await show(await answer.blob());
};
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
  const file = event.dataTransfer.files[0];
  if (file) show(file, file.name);
});
document.addEventListener("paste", event => {
  const file = [...event.clipboardData.files].find(item => item.type.startsWith("image/"));
  if (file) show(file, "What was pasted");
});

// --- Searching ---

async function searchByPicture() {
  similarTo = null;
  const picture = await cut();
  await find(url => fetch(url, { method: "POST", body: picture, headers: { "Content-Type": picture.type }, signal: search.signal }),
    "api/search");
}

async function searchByProduct(id) {
  similarTo = id;
  await find(url => fetch(url, { signal: search.signal }), `api/products/${encodeURIComponent(id)}/similar`);
}

async function find(send, path) {
  search?.abort();
  const mine = search = new AbortController();
  $("found").classList.add("busy");
  try {
    const tag = $("tag").value;
    const answer = await send(tag ? `${path}?tag=${encodeURIComponent(tag)}` : path);
    if (!answer.ok) fail(await reason(answer));
    else list(await answer.json());
  } catch (error) {
    if (error.name !== "AbortError") fail("The server does not answer. Is it still running?");
  } finally {
    if (search === mine) $("found").classList.remove("busy");
  }
}

/** What the server says of a refused request. */
async function reason(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

function list(found) {
  $("error").hidden = true;
  $("empty").hidden = found.results.length > 0;
  if (found.results.length === 0) $("empty").textContent = "Nothing in the catalogue carries this tag.";
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
      await searchByProduct(result.id);
      $("results").querySelector("button")?.focus();
    };
    return item;
  }));
}

function fail(message) {
  $("error").textContent = message;
  $("error").hidden = false;
  $("answer").hidden = true;
}

$("tag").onchange = () => {
  if (similarTo) searchByProduct(similarTo);
  else if (bitmap) searchByPicture();
};

// --- What the server does ---

const events = new EventSource("api/events");
events.onmessage = message => {
  const status = JSON.parse(message.data);
  $("count").textContent = status.count === 1 ? "1 product" : `${status.count.toLocaleString("en")} products`;
  $("activity").hidden = !status.activity;
  if (status.activity) {
    $("activity-text").textContent = status.activity;
    if (status.share == null) $("activity-bar").removeAttribute("value");
    else $("activity-bar").value = status.share;
  }
  $("cancel").hidden = !status.canStop;
  if (status.message) $("index-message").textContent = status.message;
  const tags = [...$("tag").options].slice(1).map(option => option.value);
  if (tags.join("\n") !== status.tags.join("\n")) {
    const chosen = $("tag").value;
    $("tag").replaceChildren(new Option("everything", ""), ...status.tags.map(tag => new Option(tag, tag)));
    $("tag").value = status.tags.includes(chosen) ? chosen : "";
  }
};

$("index-form").onsubmit = async event => {
  event.preventDefault();
  const answer = await fetch("api/index", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ folder: $("folder").value }),
  });
  $("index-message").textContent = answer.ok ? "" : await reason(answer);
};
$("cancel").onclick = () => fetch("api/index", { method: "DELETE" });
