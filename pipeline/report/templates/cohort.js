// The page over many patients: flicking through the scans, and sorting and searching the table.
const thumbs = [...document.querySelectorAll(".thumb")];
const byId = (id) => document.getElementById(id);
const MINUTE_MS = 60000;
const SLOWEST_MS = 1000;
let current = 0;
let playing = null;

function show(n) {
  if (!thumbs.length) return;
  thumbs[current].removeAttribute("aria-current");
  current = Math.max(0, Math.min(thumbs.length - 1, n));
  const chosen = thumbs[current];
  const picture = chosen.querySelector("img");
  chosen.setAttribute("aria-current", "true");
  chosen.parentElement.parentElement.scrollTop = chosen.offsetTop - chosen.parentElement.parentElement.offsetTop - 120;
  byId("large").hidden = !picture;
  byId("without").hidden = Boolean(picture);
  if (picture) {
    byId("large").src = picture.src;
    byId("large").alt = `${picture.alt}: ${chosen.dataset.caption}`;
  }
  byId("counter").textContent = `${current + 1} of ${thumbs.length}`;
  const name = document.createElement("bdi");
  name.textContent = chosen.dataset.key;
  byId("caption").replaceChildren(name, ` · ${chosen.dataset.caption}`);
  const more = [chosen.dataset.remarks];
  byId("more").replaceChildren(...more.filter(Boolean));
  if (chosen.dataset.large) {
    const link = document.createElement("a");
    link.href = chosen.dataset.large;
    link.textContent = "in full size";
    byId("more").append(more[0] ? " · " : "", link);
  }
  byId("mark").setAttribute("aria-pressed", String(chosen.classList.contains("doubt")));
}

function mark() {
  thumbs[current].classList.toggle("doubt");
  const marked = thumbs.filter((one) => one.classList.contains("doubt"));
  byId("marked").hidden = !marked.length;
  byId("marks").textContent = marked.map((one) => `${one.dataset.key} ${one.dataset.date}`).join(", ");
  show(current);
}

function stop() {
  clearInterval(playing);
  playing = null;
  byId("play").setAttribute("aria-pressed", "false");
}

function play() {
  if (playing !== null) {
    stop();
    return;
  }
  if (current === thumbs.length - 1) show(0);
  byId("play").setAttribute("aria-pressed", "true");
  playing = setInterval(() => {
    if (current === thumbs.length - 1) stop();
    else show(current + 1);
  }, Math.min(SLOWEST_MS, MINUTE_MS / thumbs.length));
}

const KEYS = {
  ArrowLeft: () => show(current - 1),
  ArrowRight: () => show(current + 1),
  m: mark,
  p: play,
};

if (thumbs.length) {
  thumbs.forEach((one, n) => one.addEventListener("click", () => show(n)));
  byId("earlier").addEventListener("click", () => show(current - 1));
  byId("later").addEventListener("click", () => show(current + 1));
  byId("mark").addEventListener("click", mark);
  byId("play").addEventListener("click", play);
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey) return;
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    if (event.key.startsWith("Arrow")) stop();
    act();
  });
  show(0);
}

const table = byId("table");
if (table) {
  const body = table.tBodies[0];
  const order = new Intl.Collator("en", { numeric: true });
  const heads = [...table.tHead.rows[0].cells];
  const valueOf = (row, n) => row.cells[n].dataset.value ?? row.cells[n].textContent;
  // Empty cells stay at the end whichever way the others go.
  const compare = (one, other, numbers) => (numbers ? Number(one) - Number(other) : order.compare(one, other));
  heads.forEach((head, n) => head.querySelector("button").addEventListener("click", (event) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const numbers = event.currentTarget.dataset.kind === "number";
    heads.forEach((one) => one.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].sort((a, b) => {
      const [one, other] = [valueOf(a, n), valueOf(b, n)];
      if (!one || !other) return Number(!one) - Number(!other);
      return down ? compare(other, one, numbers) : compare(one, other, numbers);
    });
    body.append(...rows);
  }));
  byId("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    let count = 0;
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      count += Number(!row.hidden);
    }
    byId("found").textContent = wanted ? `${count} of ${body.rows.length}` : "";
  });
}
document.documentElement.dataset.ready = "yes";
