// The viewer of the report: three planes and a view in three dimensions for each date shown.
// `niivue` (Niivue, NVImage, NVMesh) stands above this in the same module.
const scene = JSON.parse(document.getElementById("scene").textContent);
const WINDOWS = scene.windows;
const COLOURS = scene.colours;

const bytesOf = (id) => {
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n += 1) bytes[n] = text.charCodeAt(n);
  return bytes;
};

async function unpacked(id) {
  const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const labelMap = (...colours) => ({
  R: [0, ...colours.map((one) => one[0])],
  G: [0, ...colours.map((one) => one[1])],
  B: [0, ...colours.map((one) => one[2])],
  A: [0, ...colours.map(() => 255)],
  I: [0, ...colours.map((_, n) => n + 1)],
  labels: ["", ...colours.map((_, n) => String(n + 1))],
});

const LAYERS = [
  { name: "lesions", colours: [COLOURS.definite, COLOURS.indeterminate], opacity: 0.55 },
  { name: "excluded", colours: [COLOURS.excluded], opacity: 0.55 },
  { name: "skeleton", colours: [COLOURS.skeleton], opacity: 0.3 },
];

const HU_PER_PIXEL = 3;
const CROSS_PERCENT = 0.35;

const toRas = ([x, y, z]) => [-x, -y, z];
const toLps = toRas;

class Pane {
  constructor(root) {
    this.root = root;
    this.planes = root.querySelector("canvas.planes");
    this.solid = root.querySelector("canvas.solid");
    this.readout = root.querySelector(".readout");
    this.date = null;
    this.onMove = () => {};
    this.quiet = false;
    this.scale = 1;
  }

  async start() {
    const options = {
      backColor: [0, 0, 0, 1],
      show3Dcrosshair: true,
      isColorbar: false,
      isRadiologicalConvention: true,
      crosshairWidth: CROSS_PERCENT,
      crosshairGap: 8,
      crosshairWidthUnit: "percent",
      crosshairColor: [0.3, 0.9, 1, 0.8],
      fontMinPx: 11,
      dragMode: 0,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      multiplanarShowRender: 0,
      sagittalNoseLeft: true,
      loadingText: "",
      logLevel: "silent",
    };
    this.nv = new niivue.Niivue(options);
    await this.nv.attachToCanvas(this.planes);
    this.nv.setSliceType(this.nv.sliceTypeMultiplanar);
    this.nv.setRadiologicalConvention(true);
    this.nv.onLocationChange = (where) => this.moved(where);
    this.nv3 = new niivue.Niivue({ ...options, backColor: [0.07, 0.08, 0.1, 1] });
    await this.nv3.attachToCanvas(this.solid);
    this.nv3.setSliceType(this.nv3.sliceTypeRender);
  }

  async show(date) {
    this.date = date;
    const own = scene.dates[date];
    this.root.querySelector("h3").textContent = own.title;
    this.nv.volumes = [];
    const add = async (name) => {
      const image = await niivue.NVImage.new(await unpacked(`d${date}-${name}`), `${name}.nii`);
      this.nv.addVolume(image);
      return image;
    };
    await add("grey");
    for (const [n, layer] of LAYERS.entries()) {
      const image = await add(layer.name);
      image.setColormapLabel(labelMap(...layer.colours));
      this.nv.setOpacity(n + 1, shown(layer.name) ? layer.opacity : 0);
    }
    this.nv.updateGLVolume();
    this.nv3.meshes = [];
    for (const mesh of own.meshes) {
      const colour = [...COLOURS[mesh.colour], 255];
      const found = await niivue.NVMesh.readMesh(
        await unpacked(mesh.id), `${mesh.id}.mz3`, this.nv3.gl, mesh.opacity, colour, shown(mesh.layer),
      );
      found.layer = mesh.layer;
      this.nv3.addMesh(found);
      this.nv3.setMeshShader(found.id, "Diffuse");
    }
    this.nv3.setRenderAzimuthElevation(180, 10);
    this.toggle();
    this.go(own.start);
  }

  moved(where) {
    const lps = toLps(where.mm);
    const hu = where.values && where.values[0] ? where.values[0].value : null;
    const text = lps.map((mm) => mm.toFixed(0).replace("-", "−")).join(", ");
    this.readout.textContent = `x, y, z ${text} mm${hu === null ? "" : ` · ${hu.toFixed(0).replace("-", "−")} HU`}`;
    this.at = lps;
    this.place3d(lps);
    if (!this.quiet) this.onMove(lps);
  }

  place3d(lps) {
    if (!this.nv3.meshes.length) return;
    this.nv3.scene.crosshairPos = this.nv3.mm2frac([...toRas(lps), 1]);
    this.nv3.drawScene();
  }

  go(lps) {
    this.quiet = true;
    this.nv.scene.crosshairPos = this.nv.mm2frac([...toRas(lps), 1]);
    this.zoom(this.scale);
    this.nv.createOnLocationChange();
    this.quiet = false;
  }

  // The point under the cross stays where it is.
  zoom(scale) {
    if (scale !== this.scale) this.nv.crosshairs3D = null; // else its lines would grow too
    this.scale = scale;
    if (!this.nv.volumes.length) return;
    this.nv.opts.crosshairWidth = CROSS_PERCENT / scale;
    const mm = this.nv.frac2mm(this.nv.scene.crosshairPos);
    this.nv.setPan2Dxyzmm([0, 1, 2].map((axis) => (1 - scale) * mm[axis]).concat(scale));
  }

  window(level, width) {
    const grey = this.nv.volumes[0];
    if (!grey) return;
    grey.cal_min = level - width / 2;
    grey.cal_max = level + width / 2;
    this.nv.updateGLVolume();
  }

  toggle() {
    LAYERS.forEach((layer, n) => {
      if (this.nv.volumes[n + 1]) this.nv.setOpacity(n + 1, shown(layer.name) ? layer.opacity : 0);
    });
    for (const mesh of this.nv3.meshes) mesh.visible = shown(mesh.layer);
    this.nv3.drawScene();
  }

  step(right, up, through) {
    this.nv.moveCrosshairInVox(right, up, through);
  }
}

const shown = (name) => document.getElementById(`show-${name}`).checked;

// From one date to another: the bones near a point carry it, the nearer the more.
function carried(point, from, to) {
  const link = scene.links.find((one) => one.from === from && one.to === to);
  if (!link || !link.bones.length) return null;
  let total = 0;
  const sum = [0, 0, 0];
  for (const bone of link.bones) {
    let nearest = Infinity;
    for (const mark of bone.points) {
      nearest = Math.min(nearest, (mark[0] - point[0]) ** 2 + (mark[1] - point[1]) ** 2 + (mark[2] - point[2]) ** 2);
    }
    const weight = 1 / (nearest + 25) ** 1.5;
    const m = bone.matrix;
    total += weight;
    for (let row = 0; row < 3; row += 1) {
      sum[row] += weight * (m[row][0] * point[0] + m[row][1] * point[1] + m[row][2] * point[2] + m[row][3]);
    }
  }
  return sum.map((value) => value / total);
}

async function main() {
  const panes = [...document.querySelectorAll(".pane")].map((root) => new Pane(root));
  for (const pane of panes) await pane.start();
  const [first, second] = panes;
  await first.show(0);
  if (second) await second.show(scene.dates.length - 1);

  const level = document.getElementById("level");
  const width = document.getElementById("width");
  const applyWindow = () => panes.forEach((pane) => pane.window(Number(level.value), Math.max(1, Number(width.value))));
  const preset = (name) => {
    [level.value, width.value] = [WINDOWS[name].level, WINDOWS[name].width];
    document.querySelectorAll("[data-window]").forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.window === name)));
    applyWindow();
  };
  document.querySelectorAll("[data-window]").forEach((one) => one.addEventListener("click", () => preset(one.dataset.window)));
  for (const input of [level, width]) {
    input.addEventListener("input", () => {
      document.querySelectorAll("[data-window]").forEach((one) => one.setAttribute("aria-pressed", "false"));
      applyWindow();
    });
  }
  // Right drag, as on a workstation: to the right for a wider window, upwards for a brighter picture.
  let dragged = null;
  const applyDrag = (event) => {
    if (!dragged) return;
    width.value = Math.max(1, Math.round(dragged.width + HU_PER_PIXEL * (event.clientX - dragged.x)));
    level.value = Math.round(dragged.level + HU_PER_PIXEL * (event.clientY - dragged.y));
    width.dispatchEvent(new Event("input"));
  };
  panes.forEach((pane) => pane.planes.addEventListener("pointerdown", (event) => {
    if (event.button !== 2) return;
    dragged = { x: event.clientX, y: event.clientY, level: Number(level.value), width: Number(width.value) };
  }));
  document.addEventListener("pointermove", applyDrag);
  document.addEventListener("pointerup", () => { dragged = null; });
  const zoom = document.getElementById("zoom");
  zoom.addEventListener("input", () => panes.forEach((pane) => pane.zoom(Number(zoom.value))));
  document.querySelectorAll("[data-layer]").forEach((one) => one.addEventListener("change", () => panes.forEach((pane) => pane.toggle())));

  const linked = () => document.getElementById("linked")?.checked ?? false;
  panes.forEach((pane, n) => {
    const other = panes[1 - n];
    pane.onMove = (point) => {
      if (!other || !linked()) return;
      const there = carried(point, pane.date, other.date);
      if (there) other.go(there);
    };
  });

  const changeDate = async (n, date) => {
    const select = panes[n].root.querySelector("select.date");
    if (select) select.value = String(date);
    await panes[n].show(date);
    applyWindow();
  };
  document.querySelectorAll("select.date").forEach((select, n) => select.addEventListener("change", () => changeDate(n, Number(select.value))));

  const jump = async (spots) => {
    if (!panes.some((pane) => spots[pane.date])) {
      const date = spots.findIndex((spot) => spot);
      if (date < 0) return;
      await changeDate(panes.length - 1, date);
    }
    const known = panes.filter((pane) => spots[pane.date]);
    for (const pane of panes) {
      const spot = spots[pane.date] ?? (linked() ? carried(spots[known[0].date], known[0].date, pane.date) : null);
      if (spot) pane.go(spot);
    }
    document.getElementById("viewer").scrollIntoView({ block: "nearest" });
  };
  document.querySelectorAll("[data-spots]").forEach((one) => one.addEventListener("click", () => {
    document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
    one.closest("tr")?.classList.add("chosen");
    const layer = one.dataset.switchOn && document.getElementById(`show-${one.dataset.switchOn}`);
    if (layer && !layer.checked) layer.click();
    jump(JSON.parse(one.dataset.spots));
  }));

  const STEPS = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] };
  panes.forEach((pane) => {
    pane.root.addEventListener("keydown", (event) => {
      if (event.target.matches("input, select, button")) return;
      const step = STEPS[event.key];
      if (step) {
        event.preventDefault();
        pane.step(...step);
      }
      event.stopPropagation();
    }, true); // before the library, whose own keys would change the kind of view
    pane.root.addEventListener("keyup", (event) => {
      if (event.target.matches("canvas")) event.stopPropagation();
    }, true);
  });
  preset("bone");
  const lead = panes.find((pane) => scene.dates[pane.date].lesions) ?? first;
  lead.go(scene.dates[lead.date].start);
  lead.onMove(scene.dates[lead.date].start);
  document.getElementById("viewer").dataset.ready = "yes";
  globalThis.calcinosisViewer = { panes, carried };
}

main().catch((error) => {
  document.getElementById("viewer-note").textContent = `The viewer could not be started (${error.message}). It needs WebGL 2.`;
  document.getElementById("viewer").dataset.ready = "no";
});
