/** Rulers and regions in the picture: drawing with the mouse, and the list of them with their figures. */

import { required } from "../shared/page";
import { flipIndex } from "./geometry";
import { figuresOf, type Kind, type Mark } from "./measure";
import type { Pen, Stage } from "./stage";
import { gettext } from "../shared/words";

export type Tool = "window" | Kind;

const NAMES: Record<Kind, string> = {
  ruler: gettext("Ruler"),
  ellipse: gettext("Region"),
};
/** Shorter drags (pixels of the screen) are slips of the hand. */
const SHORTEST_PX = 4;

/** The tools and what was measured with them; all of it is gone when the page is left. */
export class Marks {
  private readonly marks: Mark[] = [];
  private drawn: Mark | null = null;
  private beganAt: { x: number; y: number } | null = null;
  private readonly list = required<HTMLUListElement>("[data-marks]");
  tool: Tool = "window";

  constructor(
    private readonly stage: Stage,
    private readonly go: (image: number) => void,
  ) {
    stage.setDrawing((pen, slice) => this.draw(pen, slice));
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]"))
      button.addEventListener("click", () => this.choose(button.dataset.tool as Tool));
    this.choose("window");
  }

  /** Take up a tool; the same again puts it down. */
  choose(tool: Tool): void {
    this.tool = tool === this.tool ? "window" : tool;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool]"))
      button.setAttribute("aria-pressed", String(button.dataset.tool === this.tool));
  }

  begin(clientX: number, clientY: number): void {
    const at = this.stage.pointAt(clientX, clientY);
    if (at === null || this.tool === "window") return;
    this.beganAt = { x: clientX, y: clientY };
    this.drawn = { kind: this.tool, slice: at.slice, from: at, to: at };
  }

  move(clientX: number, clientY: number): void {
    const at = this.stage.pointAt(clientX, clientY);
    if (at === null || this.drawn === null) return;
    this.drawn = { ...this.drawn, to: at };
    this.stage.redraw();
  }

  end(clientX: number, clientY: number): void {
    const far = this.beganAt === null ? 0 : Math.hypot(clientX - this.beganAt.x, clientY - this.beganAt.y);
    if (this.drawn !== null && far >= SHORTEST_PX) this.marks.push(this.drawn);
    this.drawn = null;
    this.beganAt = null;
    this.refresh();
  }

  /** Remove the latest one. */
  removeLast(): void {
    this.marks.pop();
    this.refresh();
  }

  private refresh(): void {
    this.list.hidden = this.marks.length === 0;
    this.list.replaceChildren(
      ...this.marks.map((mark) => {
        const item = document.createElement("li");
        const image = flipIndex(this.stage.grid, mark.slice);
        const there = button(
          gettext("{mark}, slice {number}: {figures}", {
            mark: NAMES[mark.kind],
            number: image + 1,
            figures: this.textOf(mark),
          }),
          () => this.go(image),
        );
        const remove = button(gettext("Remove"), () => {
          this.marks.splice(this.marks.indexOf(mark), 1);
          this.refresh();
        });
        there.className = "link";
        remove.className = "link";
        item.append(there, " ", remove);
        return item;
      }),
    );
    this.stage.redraw();
  }

  private textOf(mark: Mark): string {
    return figuresOf(this.stage.grid, mark, this.stage.sliceOf(mark.slice));
  }

  private draw(pen: Pen, slice: number): void {
    for (const mark of [...this.marks, ...(this.drawn ? [this.drawn] : [])])
      if (mark.slice === slice) this.drawOne(pen, mark);
  }

  private drawOne({ context, toScreen }: Pen, mark: Mark): void {
    const [x0, y0] = toScreen(mark.from);
    const [x1, y1] = toScreen(mark.to);
    context.lineWidth = 1.5;
    context.strokeStyle = "#7dd3fc";
    context.beginPath();
    if (mark.kind === "ruler") {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      for (const [x, y] of [toScreen(mark.from), toScreen(mark.to)]) {
        context.moveTo(x - 4, y);
        context.lineTo(x + 4, y);
        context.moveTo(x, y - 4);
        context.lineTo(x, y + 4);
      }
    } else {
      context.ellipse(
        (x0 + x1) / 2,
        (y0 + y1) / 2,
        Math.abs(x1 - x0) / 2,
        Math.abs(y1 - y0) / 2,
        0,
        0,
        2 * Math.PI,
      );
    }
    context.stroke();
    write(context, this.textOf(mark), Math.max(x0, x1) + 8, Math.max(y0, y1));
  }
}

/** Text on a dark ground, kept within the picture. */
function write(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.font = "13px system-ui, sans-serif";
  const width = context.measureText(text).width + 12;
  const left = Math.max(4, Math.min(x, context.canvas.clientWidth - width - 4));
  const top = Math.max(4, Math.min(y, context.canvas.clientHeight - 26));
  context.fillStyle = "rgb(10 13 16 / 0.8)";
  context.fillRect(left, top, width, 22);
  context.fillStyle = "#dff3ff";
  context.fillText(text, left + 6, top + 15);
}

function button(text: string, act: () => void): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}
