/** Scrolling by itself, there and on, until it is stopped. */

import { required } from "../shared/page";
import { gettext } from "../shared/words";

const IMAGES_A_SECOND = 12;

export class Cine {
  private timer = 0;
  private readonly button = required<HTMLButtonElement>("[data-cine]");

  constructor(private readonly step: () => void) {
    this.button.addEventListener("click", () => this.toggle());
  }

  get isOn(): boolean {
    return this.timer !== 0;
  }

  toggle(): void {
    if (this.isOn) this.stop();
    else {
      this.timer = window.setInterval(this.step, 1000 / IMAGES_A_SECOND);
      this.show();
    }
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.show();
  }

  private show(): void {
    this.button.setAttribute("aria-pressed", String(this.isOn));
    this.button.textContent = this.isOn ? gettext("Stop") : gettext("Play");
  }
}
