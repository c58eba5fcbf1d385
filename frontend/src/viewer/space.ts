/** Lungs and infection in space: surfaces, drawn with WebGL, that turn under the hand. */

import { required } from "../shared/page";
import type { Grid } from "./geometry";
import { COLOURS } from "./layers";
import type { Labels } from "./stage";
import { fieldOf, type Mesh, surfaceOf } from "./surface";
import { gettext } from "../shared/words";

/** Surfaces from the inside to the outside: what is opaque first. */
interface Body {
  name: string;
  colour: readonly [number, number, number];
  opacity: number;
  mesh: Mesh;
}

const GROUND_GLASS = [1, 4];
const CONSOLIDATION = 2;
/** Share of a block from which it belongs to a structure; infection is drawn from less, so that nothing small is lost. */
const LUNG_LEVEL = 0.5;
const INFECTION_LEVEL = 0.3;

/** Half the scan's diagonal fills the picture so many times: lungs are in its middle. */
const CLOSE = 1.9;

const VERTEX = `#version 300 es
uniform mat3 turn; uniform vec2 scale; uniform float depth;
in vec3 position; in vec3 normal; out vec3 facing;
void main() {
  vec3 seen = turn * position;
  facing = turn * normal;
  gl_Position = vec4(seen.x * scale.x, seen.y * scale.y, -seen.z * depth, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec3 colour; uniform float opacity; in vec3 facing; out vec4 pixel;
void main() {
  vec3 n = normalize(facing);
  float light = abs(dot(n, normalize(vec3(0.3, 0.4, 1.0))));
  float rim = pow(1.0 - abs(n.z), 2.0);
  float shown = opacity < 1.0 ? min(1.0, opacity + 0.55 * rim) : 1.0;
  pixel = vec4(colour * (0.35 + 0.65 * light) * shown, shown);
}`;

/** A dialog with the surfaces; they are made when it is opened for the first time. */
export class Space {
  private readonly dialog = required<HTMLDialogElement>("[data-space]");
  private readonly canvas = required<HTMLCanvasElement>("[data-space-picture]");
  private readonly status = required<HTMLElement>("[data-space-status]");
  private readonly sliders = this.dialog.querySelectorAll<HTMLInputElement>("[data-space-opacity]");
  private gl: WebGL2RenderingContext | null = null;
  private bodies: { body: Body; array: WebGLVertexArrayObject; count: number }[] = [];
  private program: WebGLProgram | null = null;
  /** Angles in radians: 0 is the view from the front. */
  private around = 0;
  private over = 0;
  private size = 1;

  constructor(
    private readonly grid: Grid,
    private readonly labels: () => Labels | null,
  ) {
    this.canvas.addEventListener("pointerdown", (event) => this.canvas.setPointerCapture(event.pointerId));
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) this.turn(event.movementX / 150, event.movementY / 150);
    });
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.size *= event.deltaY < 0 ? 1.1 : 1 / 1.1;
      this.draw();
    });
    for (const slider of this.sliders) {
      slider.addEventListener("input", () => {
        for (const { body } of this.bodies) body.opacity = this.opacityOf(body.name);
        this.draw();
      });
    }
    this.dialog.addEventListener("keydown", (event) => {
      // On a slider the arrows are the slider's.
      if (event.target instanceof HTMLInputElement) return;
      const step = {
        ArrowLeft: [-0.15, 0],
        ArrowRight: [0.15, 0],
        ArrowUp: [0, -0.15],
        ArrowDown: [0, 0.15],
      }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.turn(step[0] ?? 0, step[1] ?? 0);
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  /** Open the dialog; says so where there are no masks yet, or no WebGL. */
  open(): void {
    this.dialog.showModal();
    const labels = this.labels();
    this.gl ??= this.canvas.getContext("webgl2", { antialias: true });
    if (this.gl === null) {
      this.say(
        gettext(
          "This browser cannot draw in space (WebGL 2 is missing or switched off). The planes (P) work without it.",
        ),
      );
      return;
    }
    if (labels === null) {
      this.say(gettext("The masks are not there yet."));
      return;
    }
    this.say(
      gettext(
        "Seen from the front at first, the patient's right on the left. Drag or use the arrow keys to turn, the wheel to come nearer.",
      ),
    );
    this.build(this.gl, labels);
    this.draw();
  }

  /** What the slider of a structure says, 0..1. */
  private opacityOf(name: string): number {
    for (const slider of this.sliders)
      if (slider.dataset.spaceOpacity === name) return Number(slider.value) / 100;
    return 1;
  }

  private say(text: string): void {
    this.status.textContent = text;
  }

  private turn(around: number, over: number): void {
    this.around += around;
    this.over = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, this.over + over));
    this.draw();
  }

  /** Surfaces of the masks as they are now, corrections that are not saved included. */
  private build(gl: WebGL2RenderingContext, labels: Labels): void {
    this.program ??= programOf(gl);
    for (const { array } of this.bodies) gl.deleteVertexArray(array);
    const surface = (map: Uint8Array, isPart: (label: number) => boolean, level: number) =>
      surfaceOf(this.grid, fieldOf(this.grid, map, isPart), level);
    const bodies: Body[] = [
      {
        name: "consolidation",
        colour: COLOURS.consolidation,
        opacity: this.opacityOf("consolidation"),
        mesh: surface(labels.infection, (label) => label === CONSOLIDATION, INFECTION_LEVEL),
      },
      {
        name: "ground-glass",
        colour: COLOURS["ground-glass"],
        opacity: this.opacityOf("ground-glass"),
        mesh: surface(labels.infection, (label) => GROUND_GLASS.includes(label), INFECTION_LEVEL),
      },
      {
        name: "lung",
        colour: COLOURS.lung,
        opacity: this.opacityOf("lung"),
        mesh: surface(labels.lobes, (label) => label !== 0, LUNG_LEVEL),
      },
    ];
    const program = this.program;
    this.bodies = bodies.map((body) => ({
      body,
      array: arrayOf(gl, program, body.mesh),
      count: body.mesh.triangles.length,
    }));
    this.canvas.dataset.triangles = bodies
      .map((body) => `${body.name} ${body.mesh.triangles.length / 3}`)
      .join(", ");
  }

  private draw(): void {
    const { gl, program } = this;
    if (gl === null || program === null || this.bodies.length === 0) return;
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = clientWidth * devicePixelRatio;
    this.canvas.height = clientHeight * devicePixelRatio;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(program);
    const [slices, rows, columns] = this.grid.shape_zyx;
    const [stepMm, rowMm, columnMm] = this.grid.spacing_zyx_mm;
    const reach = Math.hypot(slices * stepMm, rows * rowMm, columns * columnMm) / 2;
    const perMm = (CLOSE * this.size) / reach;
    const aspect = clientWidth / Math.max(1, clientHeight);
    gl.uniformMatrix3fv(gl.getUniformLocation(program, "turn"), false, turnOf(this.around, this.over));
    gl.uniform2f(
      gl.getUniformLocation(program, "scale"),
      perMm / Math.max(aspect, 1),
      perMm * Math.min(aspect, 1),
    );
    gl.uniform1f(gl.getUniformLocation(program, "depth"), 1 / reach);
    // What is opaque first: only behind something transparent may another thing be seen.
    const drawn = this.bodies.filter(({ body }) => body.opacity > 0);
    drawn.sort((one, other) => Number(other.body.opacity === 1) - Number(one.body.opacity === 1));
    for (const { body, array, count } of drawn) {
      gl.depthMask(body.opacity === 1);
      gl.uniform3f(gl.getUniformLocation(program, "colour"), ...toUnit(body.colour));
      gl.uniform1f(gl.getUniformLocation(program, "opacity"), body.opacity);
      gl.bindVertexArray(array);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    }
    gl.depthMask(true);
    this.canvas.dataset.drawn = drawn.map(({ body }) => `${body.name} ${body.opacity}`).join(", ");
    this.canvas.dataset.ready = "true";
  }
}

function toUnit(colour: readonly [number, number, number]): [number, number, number] {
  return [colour[0] / 255, colour[1] / 255, colour[2] / 255];
}

/** From LPS to the screen (x to the right, y up, z to the reader), seen from the front: the patient's left is right. */
function turnOf(around: number, over: number): Float32Array {
  const [c, s] = [Math.cos(around), Math.sin(around)];
  const [d, t] = [Math.cos(over), Math.sin(over)];
  // Columns: where the patient's left, back and head go.
  return Float32Array.from([c, s * t, -s * d, -s, c * t, -c * d, 0, d, t]);
}

function programOf(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) throw new Error("the graphics card gave no shader");
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS))
      throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

function arrayOf(gl: WebGL2RenderingContext, program: WebGLProgram, mesh: Mesh): WebGLVertexArrayObject {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  for (const [name, values] of [
    ["position", mesh.positions],
    ["normal", mesh.normals],
  ] as const) {
    const place = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
  }
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
  gl.bindVertexArray(null);
  return array;
}
